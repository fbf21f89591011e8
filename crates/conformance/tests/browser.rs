//! The HTML of a report in a browser: it is read, filtered and searched, on a large screen, a phone, in the dark, and
//! printed. The pictures and the report itself are in
//! `target/report-pictures` of the workspace, for people to look at.
//!
//! It needs Chromium, which it drives over its pipe (Chrome DevTools Protocol).
#![cfg(feature = "report")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fullduplex_conformance::report::{Measure, html, summary, write};
use serde_json::{Value, json};
use wrong::MARKUP;

#[path = "support/wrong.rs"]
mod wrong;

/// A browser with one page.
struct Browser {
    child: Arc<Mutex<Child>>,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    session: String,
    number: u64,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts Chromium; nothing, if there is none.
    fn start() -> Option<Self> {
        let program =
            ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| {
                let found = Command::new("which").arg(name).stdout(Stdio::null()).status();
                found.is_ok_and(|status| status.success())
            })?;
        let profile = tempfile::tempdir().unwrap();
        // The shell moves the pipes to the numbers that Chromium wants them at. Containers of CI systems allow no sandbox.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null", "sh", program])
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--no-first-run", "--hide-scrollbars", "--remote-debugging-pipe"])
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
        // A browser that answers nothing fails the test, and does not keep it.
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

    /// Calls a method, and waits for its result.
    fn call(&mut self, method: &str, params: Value) -> Value {
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

    /// Opens this address anew, and waits until the page has been read.
    fn open(&mut self, address: &str) {
        self.call("Page.navigate", json!({ "url": "about:blank" }));
        self.call("Page.navigate", json!({ "url": address }));
        let end = Instant::now() + Duration::from_secs(60);
        while self.eval("document.readyState + location.protocol") != json!("completefile:") {
            assert!(Instant::now() < end, "{address} is not read");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The value of an expression in the page.
    fn eval(&mut self, expression: &str) -> Value {
        let answer = self.call(
            "Runtime.evaluate",
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true }),
        );
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    fn screen(&mut self, width: u32, height: u32, mobile: bool) {
        self.call(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": height, "deviceScaleFactor": 2, "mobile": mobile }),
        );
    }

    fn media(&mut self, scheme: &str) {
        self.call(
            "Emulation.setEmulatedMedia",
            json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] }),
        );
    }

    /// A picture of the screen.
    fn picture(&mut self, name: &str) {
        let picture = self.call("Page.captureScreenshot", json!({ "format": "png" }));
        let bytes = STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        fs::write(pictures().join(name), bytes).unwrap();
    }

    fn key(&mut self, key: &str, text: &str) {
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

    /// The numbers of the cases that are shown.
    fn shown(&mut self) -> Vec<String> {
        let ids = self.eval(
            "[...document.querySelectorAll('.case')].filter((one) => one.offsetParent).map((one) => \
             one.querySelector('.id').textContent)",
        );
        serde_json::from_value(ids).unwrap()
    }

    fn is_open(&mut self, id: &str) -> bool {
        self.eval(&format!("document.getElementById('{id}').closest('.case').open")) == json!(true)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap();
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn pictures() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let pictures = target.join("report-pictures");
    fs::create_dir_all(&pictures).unwrap();
    pictures
}

/// What would be seen if something were wider than the screen.
const TOO_WIDE: &str = "document.documentElement.scrollWidth - innerWidth";

#[test]
fn a_report_is_read_in_a_browser() {
    let Some(mut browser) = Browser::start() else {
        // Past what the test harness keeps of a test that does not fail.
        let skipped = "SKIPPED: no Chromium is installed (Debian: apt-get install chromium)\n";
        std::io::stderr().write_all(skipped.as_bytes()).unwrap();
        return;
    };
    let directory = pictures().join("report");
    let reports = [
        wrong::report_of("careless 1.0", false, ""),
        wrong::report_of("fair-server 2.3", true, ""),
    ];
    write(&directory, &reports, &Measure::default()).unwrap();
    fs::write(pictures().join("summary.txt"), summary(&reports, 100)).unwrap();
    let page = format!("file://{}", directory.join("index.html").display());
    let all = reports[0].results().len();
    let failed: Vec<String> = reports[0]
        .results()
        .filter(|tested| tested.outcome.behavior.word() == "FAILED")
        .map(|tested| tested.outcome.id.to_string())
        .collect();

    browser.screen(1200, 900, false);
    browser.media("light");
    browser.open(&page);
    assert_eq!(browser.shown().len(), all);
    browser.picture("wide.png");
    // Nothing that the subject sent has become a part of the page or has run.
    assert_eq!(browser.eval("document.scripts.length"), json!(1));
    assert_eq!(browser.eval("document.images.length"), json!(0));
    assert_ne!(browser.eval("document.title"), json!("owned"));
    let text = serde_json::to_string(MARKUP).unwrap();
    assert_eq!(browser.eval(&format!("document.body.textContent.includes({text})")), json!(true));
    // What cannot be escaped would not run either, and the page loads nothing.
    let trial = "(() => { const one = document.createElement('script'); one.textContent = 'window.ran = 1'; \
                 document.body.append(one); one.remove(); return window.ran === undefined; })()";
    assert_eq!(browser.eval(trial), json!(true));
    assert_eq!(browser.eval("performance.getEntriesByType('resource').length"), json!(0));

    // The state in the address filters.
    browser.open(&format!("{page}#?v=failed"));
    assert_eq!(browser.shown(), failed);
    browser.open(&format!("{page}#?s=6&v=failed"));
    let of_six: Vec<&String> = failed.iter().filter(|id| id.starts_with("6.")).collect();
    assert!(!of_six.is_empty());
    assert_eq!(browser.shown().iter().collect::<Vec<_>>(), of_six);

    // The controls do, and the address follows.
    browser.open(&page);
    browser.eval("document.querySelector('[name=q]').focus()");
    browser.call("Input.insertText", json!({ "text": "surrogate" }));
    let found = browser.shown();
    assert!(!found.is_empty() && found.len() < all, "{found:?}");
    assert_eq!(browser.eval("location.hash"), json!("#?q=surrogate"));
    let said = format!("{} of {all} cases", found.len());
    assert_eq!(browser.eval("document.getElementById('shown').textContent"), json!(said));
    browser.eval("document.querySelector('[type=reset]').click()");
    browser.eval("new Promise((done) => setTimeout(() => done(0), 50))");
    assert_eq!(browser.shown().len(), all);
    browser.eval("document.querySelector('[name=v][value=failed]').click()");
    assert_eq!(browser.shown(), failed);

    // A deep link opens its case, whatever is filtered by; so does the keyboard.
    assert!(!browser.is_open("6.3.1"));
    browser.eval("document.querySelector('[name=v][value=ok]').click()");
    browser.eval("location.hash = '#6.3.1'");
    browser.eval("new Promise((done) => setTimeout(() => done(0), 50))");
    assert!(browser.is_open("6.3.1"));
    browser.open(&format!("{page}#6.3.1"));
    assert!(browser.is_open("6.3.1"));
    let top = browser
        .eval("document.getElementById('6.3.1').closest('.case').getBoundingClientRect().top");
    assert!((0.0..300.0).contains(&top.as_f64().unwrap()), "{top}");
    browser.picture("case.png");
    browser.eval("document.getElementById('section-5').scrollIntoView()");
    browser.picture("matrix.png");
    browser
        .eval("document.getElementById('6.3.2').closest('.case').querySelector('summary').focus()");
    browser.key("Enter", "\r");
    assert!(browser.is_open("6.3.2"));

    // On a phone nothing is wider than the screen, closed or open.
    browser.screen(390, 844, true);
    browser.open(&page);
    assert_eq!(browser.eval(TOO_WIDE), json!(0));
    browser.picture("phone.png");
    browser.open(&format!("{page}#6.3.1"));
    assert_eq!(browser.eval(TOO_WIDE), json!(0));
    browser.picture("phone-case.png");
    browser.open(&format!("{page}#?v=bad"));
    browser.eval("document.querySelector('#filter').scrollIntoView()");
    browser.picture("phone-filter.png");
    browser.eval("document.querySelector('[name=open]').click()");
    assert_eq!(browser.eval(TOO_WIDE), json!(0));

    // Many subjects have no room beside one another.
    let many = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]
        .map(|agent| wrong::report_of(&agent.repeat(12), agent < "e", "3."));
    for (subjects, width) in [(2, 700), (3, 800), (6, 1000), (10, 1200), (10, 390)] {
        let few = directory.join("many.html");
        fs::write(&few, html(&many[..subjects])).unwrap();
        browser.screen(width, 900, width < 500);
        browser.open(&format!("file://{}#3.2", few.display()));
        assert_eq!(browser.eval(TOO_WIDE), json!(0), "{subjects} subjects at {width}");
        browser.picture(&format!("subjects-{subjects}-{width}.png"));
        fs::remove_file(few).unwrap();
    }

    // In the dark.
    browser.screen(1200, 900, false);
    browser.media("dark");
    browser.open(&page);
    browser.picture("dark.png");
    browser.open(&format!("{page}#6.3.1"));
    let background = browser.eval("getComputedStyle(document.body).backgroundColor");
    assert_eq!(background, json!("rgb(20, 23, 27)"));
    browser.picture("dark-case.png");
    browser.media("light");

    // Printed, it has what is behind the lines of cases that are not OK.
    browser.open(&format!("{page}#?s=6"));
    let pdf = browser.call("Page.printToPDF", json!({ "printBackground": true }));
    let bytes = STANDARD.decode(pdf["data"].as_str().unwrap()).unwrap();
    assert!(bytes.starts_with(b"%PDF"));
    fs::write(pictures().join("printed.pdf"), bytes).unwrap();

    // Without the script all can be read: a browser opens what a link leads into by itself.
    browser.call("Emulation.setScriptExecutionDisabled", json!({ "value": true }));
    browser.open(&format!("{page}#6.3.1"));
    assert_eq!(browser.shown().len(), all);
    assert!(browser.is_open("6.3.1"));
    assert_eq!(browser.eval("document.getElementById('filter').offsetParent"), Value::Null);
    browser.picture("no-script.png");
}
