//! `cargo xtask peers`: installs the WebSocket libraries that the tests talk to.
//!
//! They are installed in `target/peers`: `venv/bin/python` imports `websockets`, `hypercorn` and `stomp`, and
//! `npm/node_modules` has `ws` and `@stomp/stompjs`.

use crate::shell::{Failure, Installation, Outcome, command, output, root, run as run_command};

/// The version of `websockets`, from the Python package index.
const WEBSOCKETS: &str = "websockets==17.4";

/// An HTTP server that supports WebSockets over HTTP/2, from the same index.
const HYPERCORN: &str = "hypercorn==0.18.0";

/// A client of STOMP, from the same index.
const STOMP_PY: &str = "stomp.py==9.0.0";

/// The package that `stomp.py` opens WebSockets with.
const WEBSOCKET_CLIENT: &str = "websocket-client==1.9.2";

/// All packages from the Python package index.
const PYTHON: [&str; 4] = [WEBSOCKETS, HYPERCORN, STOMP_PY, WEBSOCKET_CLIENT];

/// The version of `ws`, from the npm registry.
const WS: &str = "ws@8.23.0";

/// A client of STOMP, from the same registry.
const STOMPJS: &str = "@stomp/stompjs@7.5.0";

/// Installs what is missing.
pub(crate) fn run() -> Outcome {
    install_python()?;
    install_npm()
}

fn install_python() -> Outcome {
    let python = output(command("python3").arg("--version")).map_err(|reason| {
        Failure::new(format!(
            "the tests talk to {} and need Python 3 to install and run them: {reason}",
            PYTHON.join(", ")
        ))
    })?;
    // A venv is tied to the Python that made it.
    let wanted = format!("{} with {python}", PYTHON.join(", "));
    Installation { folder: root().join("target/peers/venv"), wanted }.ensure(|folder| {
        run_command(command("python3").args(["-m", "venv"]).arg(folder)).map_err(|reason| {
            Failure::new(format!(
                "{reason}; on Debian and Ubuntu the package python3-venv is needed"
            ))
        })?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        let mut python = command(folder.join("bin/python"));
        run_command(python.args(pip).args(PYTHON))
    })
}

fn install_npm() -> Outcome {
    let node = output(command("node").arg("--version")).map_err(|reason| {
        Failure::new(format!(
            "the tests talk to {WS} and {STOMPJS} and need Node.js to run them: {reason}"
        ))
    })?;
    output(command("npm").arg("--version")).map_err(|reason| {
        Failure::new(format!(
            "the tests talk to {WS} and {STOMPJS} and need npm to install them: {reason}"
        ))
    })?;
    let wanted = format!("{WS} and {STOMPJS} with {node}");
    Installation { folder: root().join("target/peers/npm"), wanted }.ensure(|folder| {
        // These are plain JavaScript, so no install scripts need to run.
        let install = [
            "install",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--loglevel=error",
            "--prefix",
        ];
        run_command(command("npm").args(install).arg(folder).args([WS, STOMPJS]))
    })
}
