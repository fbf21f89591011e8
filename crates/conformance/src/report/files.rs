//! A report as a directory of files.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use super::error::{Error, ErrorKind};
use super::index::{self, INDEX};
use super::keys::{self, KEYS};
use super::policy::Measure;
use super::value::{Report, has_wire_files};
use super::{badge, hex, html, json, junit, pcap};
use crate::id::CaseId;

/// Writes reports into a directory: `index.html`, `index.json`, `junit.xml`, `badge.svg`, `keys.json` with the keys that
/// clients used again, and for each case a file such as `agent_case_6_4_1.json`. A case that is not OK also has its wire log
/// as `.hex.txt` and `.pcap`.
///
/// `measure` says which cases have failed in `junit.xml`. All files are written completely before a report that was there
/// before is touched: then each file is renamed into its place, and the remaining files of the earlier report are removed.
/// Other files in the directory stay.
///
/// # Errors
/// The file that could not be written, and why: the directory cannot be created, or the disk is full. An earlier report is
/// unchanged then. Also if two reports have the same name.
pub fn write(directory: &Path, reports: &[Report], measure: &Measure) -> Result<(), Error> {
    let mut names = BTreeSet::new();
    for report in reports {
        if !names.insert(&report.agent) {
            return Err(Error::new(directory, ErrorKind::SameAgent(report.agent.clone())));
        }
    }
    let names = file_names(reports);
    let name = |number: usize, id: &CaseId| {
        format!("{}_case_{}", names[number], id.file_name().to_ascii_lowercase())
    };
    let json_name = |number: usize, id: &CaseId| name(number, id) + ".json";
    let cases = reports.iter().enumerate().flat_map(|(number, report)| {
        report.results().enumerate().flat_map(move |(at, tested)| {
            let name = name(number, &tested.outcome.id);
            let mut files = vec![(format!("{name}.json"), json::text(report, at + 1, tested))];
            if has_wire_files(&tested.outcome) {
                files.push((format!("{name}{HEX}"), hex(tested).into_bytes()));
                files.push((format!("{name}{PCAP}"), pcap(tested)));
            }
            files
        })
    });
    let page =
        std::iter::once_with(|| ("index.html".into(), html::page(reports, name).into_bytes()));
    let junit = std::iter::once_with(|| ("junit.xml".into(), junit(reports, measure).into_bytes()));
    let badge =
        std::iter::once_with(|| ("badge.svg".into(), badge("WebSocket", reports).into_bytes()));
    let keys = std::iter::once_with(|| (KEYS.into(), keys::text(reports)));
    // The index comes last, because the old index names the old files.
    let index = std::iter::once_with(|| (INDEX.into(), index::text(reports, json_name)));
    let files = cases.chain(page).chain(junit).chain(badge).chain(keys).chain(index);
    replace(directory, files, write_file)
}

const HEX: &str = ".hex.txt";
const PCAP: &str = ".pcap";

/// Reads the reports in a directory back. For cases that are OK, they contain only the beginning of the log.
///
/// # Errors
/// The file that could not be read, and why: it does not exist, has another form, or was written by `wstest`.
pub fn read(directory: &Path) -> Result<Vec<Report>, Error> {
    let mut reports: Vec<Report> = Vec::new();
    let index = directory.join(INDEX);
    for name in index::files(&index)? {
        if !is_plain(&name) {
            let what = "the name of a file in the same directory";
            return Err(Error::new(&index, ErrorKind::Word { what, word: name }));
        }
        let path = directory.join(name);
        let text = fs::read(&path).map_err(|error| Error::new(&path, error))?;
        let (mut report, tested) =
            json::parse_case(&text).map_err(|kind| Error::new(&path, kind))?;
        match reports.iter_mut().find(|known| known.agent == report.agent) {
            Some(known) => known.insert(tested),
            None => {
                report.insert(tested);
                reports.push(report);
            }
        }
    }
    Ok(reports)
}

/// Whether a name from a file is a plain file name, which does not lead out of the directory.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', ':', '\0'])
}

/// The names of the agents as parts of file names, made as by `wstest`: in lower case, with `_` for all but ASCII letters.
/// If two are equal, the later one gets a number.
fn file_names(reports: &[Report]) -> Vec<String> {
    /// On most systems, file names may have 255 bytes.
    const MOST: usize = 100;
    let mut names: Vec<String> = Vec::new();
    for report in reports {
        let letters: String = report
            .agent
            .chars()
            .map(
                |letter| {
                    if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { ' ' }
                },
            )
            .take(MOST)
            .collect();
        let clean = letters.trim().replace(' ', "_");
        let numbered = (2..).map(|number| format!("{clean}_{number}"));
        let name =
            std::iter::once(clean.clone()).chain(numbered).find(|name| !names.contains(name));
        names.extend(name);
    }
    names
}

/// Writes all files completely under the directory, and only then moves them into place.
fn replace(
    directory: &Path,
    files: impl Iterator<Item = (String, Vec<u8>)>,
    write: impl Fn(&Path, &[u8]) -> io::Result<()>,
) -> Result<(), Error> {
    let in_directory = |error| Error::new(directory, ErrorKind::Io(error));
    fs::create_dir_all(directory).map_err(in_directory)?;
    // This temporary directory is removed with its content, whatever happens.
    let staged =
        tempfile::Builder::new().prefix(".report-").tempdir_in(directory).map_err(in_directory)?;
    let mut names = Vec::new();
    for (name, text) in files {
        write(&staged.path().join(&name), &text)
            .map_err(|error| Error::new(&directory.join(&name), error))?;
        names.push(name);
    }
    let old = index::files(&directory.join(INDEX)).unwrap_or_default();
    for name in &names {
        let path = directory.join(name);
        fs::rename(staged.path().join(name), &path).map_err(|error| Error::new(&path, error))?;
    }
    let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    for name in old.iter().filter(|name| is_plain(name) && name.contains("_case_")) {
        let stem = name.strip_suffix(".json").unwrap_or(name);
        for name in [name, &format!("{stem}{HEX}"), &format!("{stem}{PCAP}")] {
            if !names.contains(&**name) {
                // It belonged to the replaced report. If it cannot be removed, nothing refers to it.
                let _ = fs::remove_file(directory.join(name));
            }
        }
    }
    staged.close().map_err(in_directory)
}

fn write_file(path: &Path, text: &[u8]) -> io::Result<()> {
    fs::File::create_new(path)?.write_all(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, Side};

    fn listing(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_full_disk_leaves_the_previous_report_whole() {
        let directory = tempfile::tempdir().unwrap();
        let files =
            |text: &str| ["a.html", INDEX].map(|name| (name.into(), text.into())).into_iter();
        replace(directory.path(), files("{}"), write_file).unwrap();
        let full = |path: &Path, text: &[u8]| {
            if path.ends_with(INDEX) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            write_file(path, text)
        };
        let error = replace(directory.path(), files("new"), full).unwrap_err();
        assert_eq!(error.path(), directory.path().join(INDEX));
        assert!(error.to_string().contains(INDEX), "{error}");
        assert_eq!(listing(directory.path()), ["a.html", INDEX]);
        assert_eq!(fs::read(directory.path().join("a.html")).unwrap(), b"{}");
    }

    #[test]
    fn what_belonged_to_the_replaced_report_is_removed_and_nothing_else() {
        let outside = tempfile::tempdir().unwrap();
        let directory = outside.path().join("report");
        fs::create_dir(&directory).unwrap();
        let at = |name: &str| directory.join(name);
        let index = r#"{"a": {
            "1.1.1": {"behavior": "OK", "behaviorClose": "OK", "reportfile": "a_case_1_1_1.json"},
            "1.1.2": {"behavior": "OK", "behaviorClose": "OK", "reportfile": "../a_case_1_1_2.json"}}}"#;
        fs::write(at(INDEX), index).unwrap();
        for name in ["a_case_1_1_1.json", "a_case_1_1_1.pcap", "notes.txt"] {
            fs::write(at(name), "").unwrap();
        }
        fs::write(outside.path().join("a_case_1_1_2.json"), "").unwrap();
        replace(&directory, [(INDEX.into(), b"{}".into())].into_iter(), write_file).unwrap();
        assert_eq!(listing(&directory), [INDEX, "notes.txt"]);
        assert!(outside.path().join("a_case_1_1_2.json").exists());
    }

    #[test]
    fn names_of_files_are_those_of_wstest_and_never_the_same() {
        let reports = ["fullduplex-std", "Fullduplex std", "Σ/../x 1.0"]
            .map(|agent| Report::new(agent, Side::Server, &Options::default()));
        assert_eq!(file_names(&reports), ["fullduplex_std", "fullduplex_std_2", "x_1_0"]);
    }
}
