//! Writing the log to a file, as CSV or JSON.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use bastion_ipc::wire::Event;
use gtk::glib;
use serde_json::{Map, Value, json};
use tempfile::NamedTempFile;

use crate::i18n::{gettext, gettext_f};

/// What spreadsheets take for the beginning of a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Why nothing was exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The name of the file tells no format.
    #[error("the name ends neither in .csv nor in .json")]
    Format,
    /// The file can't be written.
    #[error("{} can't be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl ExportError {
    /// A sentence for the user.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Format => {
                gettext("Choose a file name that ends in .csv or .json; nothing was exported.")
            }
            Self::Write { path, source } => gettext_f(
                "{file} can’t be written: {why}",
                &[
                    ("file", &path.display().to_string()),
                    ("why", &source.to_string()),
                ],
            ),
        }
    }
}

/// The form of the file.
enum Form {
    /// A line for each event under a line of names, for spreadsheets.
    Csv(Box<csv::Writer<BufWriter<NamedTempFile>>>),
    /// A list of objects, as `bastionctl log --json` prints it. The flag: none was written yet.
    Json(BufWriter<NamedTempFile>, bool),
}

/// A file that is being written. What was there before stays until it is finished; if it never is,
/// nothing is left of it.
pub struct Export {
    path: PathBuf,
    form: Form,
}

impl Export {
    /// Begins a file, of the format that the ending of its name tells.
    ///
    /// # Errors
    /// See [`ExportError`].
    pub fn create(path: &Path) -> Result<Self, ExportError> {
        let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
        let is_csv = match ending.to_str() {
            Some("csv") => true,
            Some("json") => false,
            _ => return Err(ExportError::Format),
        };
        let failed = failed(path);
        let directory = path.parent().unwrap_or(Path::new("/"));
        // Its mode lets nobody but the owner read it: the log is private.
        let file = tempfile::Builder::new()
            .prefix(".bastion-log-")
            .tempfile_in(directory)
            .map_err(&failed)?;
        let mut file = BufWriter::new(file);
        let form = if is_csv {
            let mut file = csv::Writer::from_writer(file);
            let names = fields(&Event::default()).map(|(name, _)| name);
            file.write_record(names)
                .map_err(|error| failed(error.into()))?;
            Form::Csv(Box::new(file))
        } else {
            file.write_all(b"[").map_err(failed)?;
            Form::Json(file, true)
        };
        let path = path.to_owned();
        Ok(Self { path, form })
    }

    /// Writes events, in this order.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn write<'a>(
        &mut self,
        events: impl IntoIterator<Item = &'a Event>,
    ) -> Result<(), ExportError> {
        let form = &mut self.form;
        let write = || -> io::Result<()> {
            for event in events {
                match form {
                    Form::Csv(file) => file.write_record(record(event))?,
                    Form::Json(file, is_first) => {
                        let separator = if *is_first { "\n" } else { ",\n" };
                        file.write_all(separator.as_bytes())?;
                        file.write_all(object(event)?.as_bytes())?;
                        *is_first = false;
                    }
                }
            }
            Ok(())
        };
        write().map_err(failed(&self.path))
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn finish(self) -> Result<PathBuf, ExportError> {
        let Self { path, form } = self;
        let finish = || -> io::Result<()> {
            let file = match form {
                Form::Csv(file) => file.into_inner().map_err(|e| e.into_error())?,
                Form::Json(mut file, is_first) => {
                    let end: &[u8] = if is_first { b"]\n" } else { b"\n]\n" };
                    file.write_all(end)?;
                    file
                }
            };
            let file = file.into_inner().map_err(|error| error.into_error())?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
            Ok(())
        };
        finish().map_err(failed(&path))?;
        Ok(path)
    }
}

fn failed(path: &Path) -> impl Fn(io::Error) -> ExportError + use<> {
    let path = path.to_owned();
    move |source| ExportError::Write {
        path: path.clone(),
        source,
    }
}

/// The fields of an event under the names that they have on the bus.
fn fields(event: &Event) -> [(&'static str, Value); 15] {
    [
        ("id", json!(event.id)),
        ("time", json!(event.time)),
        ("verdict", json!(event.verdict)),
        ("reason", json!(event.reason)),
        ("rule_name", json!(event.rule_name)),
        ("program", json!(event.program)),
        ("pid", json!(event.pid)),
        ("uid", json!(event.uid)),
        ("protocol", json!(event.protocol)),
        ("source", json!(event.source)),
        ("source_port", json!(event.source_port)),
        ("destination", json!(event.destination)),
        ("destination_port", json!(event.destination_port)),
        ("host", json!(event.host)),
        ("count", json!(event.count)),
    ]
}

/// A line of CSV: time in a form that spreadsheets know, and nothing that they would run.
fn record(event: &Event) -> [String; 15] {
    fields(event).map(|(name, value)| match (name, value) {
        ("time", _) => utc(event.time),
        (_, Value::String(text)) if text.starts_with(FORMULA) => format!("'{text}"),
        (_, Value::String(text)) => text,
        (_, number) => number.to_string(),
    })
}

fn utc(millis: u64) -> String {
    let seconds = i64::try_from(millis / 1000).unwrap_or(i64::MAX);
    let time = glib::DateTime::from_unix_utc(seconds);
    let time = time.and_then(|time| time.format("%Y-%m-%dT%H:%M:%S"));
    let part = millis % 1000;
    time.map_or_else(|_| millis.to_string(), |time| format!("{time}.{part:03}Z"))
}

/// An object of the list, indented as within a list.
fn object(event: &Event) -> io::Result<String> {
    let named = fields(event).map(|(name, value)| (name.to_owned(), value));
    let object = serde_json::to_string_pretty(&Map::from_iter(named))?;
    let lines: Vec<String> = object.lines().map(|line| format!("  {line}")).collect();
    Ok(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: u64) -> Event {
        Event {
            id,
            time: 1_795_514_403_042,
            verdict: "deny".into(),
            reason: "rule:r1".into(),
            rule_name: "=HYPERLINK(\"http://example.org\")".into(),
            program: "/opt/a, \"b\"\\x0a".into(),
            uid: u32::MAX,
            host: "example.org".into(),
            ..Event::default()
        }
    }

    fn written(name: &str, events: &[Event]) -> String {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        std::fs::write(&path, "before").unwrap();
        let mut export = Export::create(&path).unwrap();
        for event in events {
            export.write([event]).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "before");
        assert_eq!(export.finish().unwrap(), path);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        std::fs::read_to_string(&path).unwrap()
    }

    #[test]
    fn csv_has_names_and_nothing_that_a_spreadsheet_runs() {
        let text = written("log.CSV", &[event(1), event(2)]);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let names: Vec<String> = reader.headers().unwrap().iter().map(Into::into).collect();
        assert_eq!(names[..3], ["id", "time", "verdict"]);
        let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(&rows[1][0], "2");
        assert_eq!(&rows[1][1], "2026-11-24T10:00:03.042Z");
        assert_eq!(&rows[1][4], "'=HYPERLINK(\"http://example.org\")");
        assert_eq!(&rows[1][5], "/opt/a, \"b\"\\x0a");
        for dangerous in ["+1", "-1", "@x", "\tx", "\rx"] {
            let host = Event {
                host: dangerous.into(),
                ..event(1)
            };
            assert_eq!(record(&host)[13], format!("'{dangerous}"));
        }
    }

    #[test]
    fn json_is_what_the_command_line_prints() {
        let text = written("log.json", &[event(1), event(2)]);
        let parsed: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed[1]["id"], 2);
        assert_eq!(parsed[0]["uid"], u32::MAX);
        assert_eq!(parsed[0]["rule_name"], event(1).rule_name);
        let pretty = serde_json::to_string_pretty(&parsed).unwrap();
        assert_eq!(text, pretty + "\n");
        assert_eq!(written("none.json", &[]), "[]\n");
        // No field of an event is forgotten.
        let wire = serde_json::to_value(event(1)).unwrap();
        let names = wire.as_object().unwrap().keys();
        assert!(names.eq(parsed[0].as_object().unwrap().keys()));
    }

    #[test]
    fn what_is_not_finished_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log.csv");
        let mut export = Export::create(&path).unwrap();
        export.write(&[event(1)]).unwrap();
        drop(export);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        let error = Export::create(&directory.path().join("log.txt")).err();
        assert!(matches!(error, Some(ExportError::Format)));
        let nowhere = directory.path().join("nowhere/log.csv");
        let error = Export::create(&nowhere).err().map(|e| e.sentence());
        assert!(error.is_some_and(|why| why.contains("nowhere/log.csv can’t be written")));
    }
}
