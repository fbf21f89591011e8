//! A headless Chromium that a test drives: pages, their scripts, the keyboard, pictures. The test talks to it over a pipe,
//! by the Chrome DevTools Protocol.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A browser with one page.
#[derive(Debug)]
pub struct Browser {
    child: Arc<Mutex<Child>>,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    session: String,
    number: u64,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts Chromium with these options in addition to the usual ones. Returns `None` if it is not installed.
    ///
    /// # Panics
    /// When it does not start or does not respond.
    #[must_use]
    pub fn start(options: &[&str]) -> Option<Self> {
        let program =
            ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| {
                let found = Command::new("which").arg(name).stdout(Stdio::null()).status();
                found.is_ok_and(|status| status.success())
            })?;
        let profile = tempfile::tempdir().unwrap();
        // The shell moves the pipes to the file descriptors that Chromium expects. Containers of CI systems allow no
        // sandbox.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null", "sh", program])
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--no-first-run", "--hide-scrollbars", "--remote-debugging-pipe"])
            .args(options)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let from = BufReader::new(from);
        let child = Arc::new(Mutex::new(child));
        let watched = Arc::downgrade(&child);
        // A browser that does not respond must fail the test, and not block it.
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_secs(300));
            if let Some(child) = watched.upgrade() {
                let _ = child.lock().unwrap().kill();
            }
        });
        let session = String::new();
        let mut browser = Self { child, to, from, session, number: 0, _profile: profile };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let session = browser.call(
            "Target.attachToTarget",
            json!({ "targetId": target["targetId"], "flatten": true }),
        );
        browser.session = session["sessionId"].as_str().unwrap().into();
        browser.call("Page.enable", json!({}));
        Some(browser)
    }

    /// Calls a method of the Chrome DevTools Protocol, and waits for its result.
    ///
    /// # Panics
    /// When the browser is gone, or has responded with an error.
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.number += 1;
        let mut message = json!({ "id": self.number, "method": method, "params": params });
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        self.to.write_all(message.to_string().as_bytes()).unwrap();
        self.to.write_all(&[0]).unwrap();
        loop {
            let mut answer = Vec::new();
            self.from.read_until(0, &mut answer).unwrap();
            assert_eq!(answer.pop(), Some(0), "the browser is gone");
            let answer: Value = serde_json::from_slice(&answer).unwrap();
            if answer["id"] == self.number {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }

    /// Loads this address, and waits until the page is complete.
    ///
    /// # Panics
    /// When that takes a minute.
    pub fn open(&mut self, address: &str) {
        self.call("Page.navigate", json!({ "url": "about:blank" }));
        self.call("Page.navigate", json!({ "url": address }));
        let end = Instant::now() + Duration::from_secs(60);
        let scheme = address.split_once(':').map_or(address, |(scheme, _)| scheme);
        let read = json!(format!("complete{scheme}:"));
        while self.eval("document.readyState + location.protocol") != read {
            assert!(Instant::now() < end, "{address} is not read");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The value of an expression in the page. For a promise, waits until it is fulfilled.
    ///
    /// # Panics
    /// When it throws.
    pub fn eval(&mut self, expression: &str) -> Value {
        let answer = self.call(
            "Runtime.evaluate",
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true }),
        );
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Gives the screen this size, in pixels of CSS.
    pub fn screen(&mut self, width: u32, height: u32, mobile: bool) {
        self.call(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": height, "deviceScaleFactor": 2, "mobile": mobile }),
        );
    }

    /// Emulates this preferred colour scheme: `light` or `dark`.
    pub fn media(&mut self, scheme: &str) {
        self.call(
            "Emulation.setEmulatedMedia",
            json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] }),
        );
    }

    /// Saves a screenshot as PNG.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn picture(&mut self, file: &Path) {
        let picture = self.call("Page.captureScreenshot", json!({ "format": "png" }));
        let bytes = STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }

    /// Presses and releases a key, which types `text` unless it is empty.
    pub fn key(&mut self, key: &str, text: &str) {
        let code = if key == "Enter" { 13 } else { 9 };
        let mut event =
            json!({ "type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": code });
        if !text.is_empty() {
            event["text"] = json!(text);
        }
        self.call("Input.dispatchKeyEvent", event.clone());
        event["type"] = json!("keyUp");
        self.call("Input.dispatchKeyEvent", event);
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap();
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Reports that a test was skipped because no browser is installed. It bypasses the output capture of the test harness.
pub fn skipped() {
    let skipped = "SKIPPED: no Chromium is installed (Debian: apt-get install chromium)\n";
    let _ = std::io::stderr().write_all(skipped.as_bytes());
}
