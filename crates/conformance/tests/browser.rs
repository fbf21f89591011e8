//! The HTML of a report in a browser: it is read, filtered and searched, on a large screen, on a phone, in dark mode, and
//! printed. The pictures and the report are written to `target/report-pictures` of the workspace, to be looked at.
//!
//! It needs Chromium.
#![cfg(feature = "report")]

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fullduplex_conformance::report::{Measure, html, summary, write};
use fullduplex_testkit::browser::{Browser, skipped};
use serde_json::{Value, json};
use wrong::MARKUP;

#[path = "support/wrong.rs"]
mod wrong;

/// The numbers of the cases that are shown.
fn shown(browser: &mut Browser) -> Vec<String> {
    let ids = browser.eval(
        "[...document.querySelectorAll('.case')].filter((one) => one.offsetParent).map((one) => \
         one.querySelector('.id').textContent)",
    );
    serde_json::from_value(ids).unwrap()
}

fn is_open(browser: &mut Browser, id: &str) -> bool {
    browser.eval(&format!("document.getElementById('{id}').closest('.case').open")) == json!(true)
}

fn picture(browser: &mut Browser, name: &str) {
    browser.picture(&pictures().join(name));
}

fn pictures() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let pictures = target.join("report-pictures");
    fs::create_dir_all(&pictures).unwrap();
    pictures
}

/// How much wider the page is than the screen.
const TOO_WIDE: &str = "document.documentElement.scrollWidth - innerWidth";

#[test]
fn a_report_is_read_in_a_browser() {
    let Some(mut browser) = Browser::start(&[]) else {
        skipped();
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
    assert_eq!(shown(&mut browser).len(), all);
    picture(&mut browser, "wide.png");
    // Nothing that the subject sent has become markup or has run.
    assert_eq!(browser.eval("document.scripts.length"), json!(1));
    assert_eq!(browser.eval("document.images.length"), json!(0));
    assert_ne!(browser.eval("document.title"), json!("owned"));
    let text = serde_json::to_string(MARKUP).unwrap();
    assert_eq!(browser.eval(&format!("document.body.textContent.includes({text})")), json!(true));
    // A script that was not escaped would not run either, and the page loads nothing.
    let trial = "(() => { const one = document.createElement('script'); one.textContent = 'window.ran = 1'; \
                 document.body.append(one); one.remove(); return window.ran === undefined; })()";
    assert_eq!(browser.eval(trial), json!(true));
    assert_eq!(browser.eval("performance.getEntriesByType('resource').length"), json!(0));

    // The page is filtered by the state in its address.
    browser.open(&format!("{page}#?v=failed"));
    assert_eq!(shown(&mut browser), failed);
    browser.open(&format!("{page}#?s=6&v=failed"));
    let of_six: Vec<&String> = failed.iter().filter(|id| id.starts_with("6.")).collect();
    assert!(!of_six.is_empty());
    assert_eq!(shown(&mut browser).iter().collect::<Vec<_>>(), of_six);

    // The controls filter as well, and the address follows.
    browser.open(&page);
    browser.eval("document.querySelector('[name=q]').focus()");
    browser.call("Input.insertText", json!({ "text": "surrogate" }));
    let found = shown(&mut browser);
    assert!(!found.is_empty() && found.len() < all, "{found:?}");
    assert_eq!(browser.eval("location.hash"), json!("#?q=surrogate"));
    let said = format!("{} of {all} cases", found.len());
    assert_eq!(browser.eval("document.getElementById('shown').textContent"), json!(said));
    browser.eval("document.querySelector('[type=reset]').click()");
    browser.eval("new Promise((done) => setTimeout(() => done(0), 50))");
    assert_eq!(shown(&mut browser).len(), all);
    browser.eval("document.querySelector('[name=v][value=failed]').click()");
    assert_eq!(shown(&mut browser), failed);

    // A deep link opens its case, whatever the filter; so does the keyboard.
    assert!(!is_open(&mut browser, "6.3.1"));
    browser.eval("document.querySelector('[name=v][value=ok]').click()");
    browser.eval("location.hash = '#6.3.1'");
    browser.eval("new Promise((done) => setTimeout(() => done(0), 50))");
    assert!(is_open(&mut browser, "6.3.1"));
    browser.open(&format!("{page}#6.3.1"));
    assert!(is_open(&mut browser, "6.3.1"));
    let top = browser
        .eval("document.getElementById('6.3.1').closest('.case').getBoundingClientRect().top");
    assert!((0.0..300.0).contains(&top.as_f64().unwrap()), "{top}");
    picture(&mut browser, "case.png");
    browser.eval("document.getElementById('section-5').scrollIntoView()");
    picture(&mut browser, "matrix.png");
    browser
        .eval("document.getElementById('6.3.2').closest('.case').querySelector('summary').focus()");
    browser.key("Enter", "\r");
    assert!(is_open(&mut browser, "6.3.2"));

    // On a phone, nothing is wider than the screen, whether cases are closed or open.
    browser.screen(390, 844, true);
    browser.open(&page);
    assert_eq!(browser.eval(TOO_WIDE), json!(0));
    picture(&mut browser, "phone.png");
    browser.open(&format!("{page}#6.3.1"));
    assert_eq!(browser.eval(TOO_WIDE), json!(0));
    picture(&mut browser, "phone-case.png");
    browser.open(&format!("{page}#?v=bad"));
    browser.eval("document.querySelector('#filter').scrollIntoView()");
    picture(&mut browser, "phone-filter.png");
    browser.eval("document.querySelector('[name=open]').click()");
    assert_eq!(browser.eval(TOO_WIDE), json!(0));

    // Many subjects do not fit side by side, and the page must still not be too wide.
    let many = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]
        .map(|agent| wrong::report_of(&agent.repeat(12), agent < "e", "3."));
    for (subjects, width) in [(2, 700), (3, 800), (6, 1000), (10, 1200), (10, 390)] {
        let few = directory.join("many.html");
        fs::write(&few, html(&many[..subjects])).unwrap();
        browser.screen(width, 900, width < 500);
        browser.open(&format!("file://{}#3.2", few.display()));
        assert_eq!(browser.eval(TOO_WIDE), json!(0), "{subjects} subjects at {width}");
        picture(&mut browser, &format!("subjects-{subjects}-{width}.png"));
        fs::remove_file(few).unwrap();
    }

    // The page has other colours in dark mode.
    browser.screen(1200, 900, false);
    browser.media("dark");
    browser.open(&page);
    picture(&mut browser, "dark.png");
    browser.open(&format!("{page}#6.3.1"));
    let background = browser.eval("getComputedStyle(document.body).backgroundColor");
    assert_eq!(background, json!("rgb(20, 23, 27)"));
    picture(&mut browser, "dark-case.png");
    browser.media("light");

    // When it is printed, cases that are not OK are open.
    browser.open(&format!("{page}#?s=6"));
    let pdf = browser.call("Page.printToPDF", json!({ "printBackground": true }));
    let bytes = STANDARD.decode(pdf["data"].as_str().unwrap()).unwrap();
    assert!(bytes.starts_with(b"%PDF"));
    fs::write(pictures().join("printed.pdf"), bytes).unwrap();

    // Without the script, everything can be read: the browser itself opens the case that a link points to.
    browser.call("Emulation.setScriptExecutionDisabled", json!({ "value": true }));
    browser.open(&format!("{page}#6.3.1"));
    assert_eq!(shown(&mut browser).len(), all);
    assert!(is_open(&mut browser, "6.3.1"));
    assert_eq!(browser.eval("document.getElementById('filter').offsetParent"), Value::Null);
    picture(&mut browser, "no-script.png");
}
