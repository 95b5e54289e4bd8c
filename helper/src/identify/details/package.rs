//! dpkg's records, as text: which files a package has, with which content, and which were moved
//! out of another's way (dpkg(1), deb-md5sums(5), dpkg-divert(1), deb-control(5)).

use memchr::memmem;

/// An MD5 digest. dpkg records no better one.
pub(super) type Digest = [u8; 16];

/// A package as dpkg names its records: `curl`, or `libc6:amd64` where several architectures can
/// be installed side by side.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PackageId {
    text: String,
}

impl PackageId {
    /// Longest one that is read, in bytes; real ones have less than half of it.
    const LONGEST: usize = 200;

    /// `None` for what dpkg gives no package as a name.
    pub(super) fn new(text: &str) -> Option<Self> {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.:".contains(&b);
        let is_name = text.len() <= Self::LONGEST
            && text.bytes().all(fits)
            && text.starts_with(|c: char| c.is_ascii_alphanumeric());
        is_name.then(|| Self { text: text.into() })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Its name without an architecture.
    pub(super) fn name(&self) -> &str {
        self.text
            .split_once(':')
            .map_or(&self.text, |(name, _)| name)
    }

    fn architecture(&self) -> Option<&str> {
        self.text
            .split_once(':')
            .map(|(_, architecture)| architecture)
    }
}

/// True if a list of files, one a line, has this path.
pub(super) fn lists(list: &[u8], path: &[u8]) -> bool {
    !path.is_empty()
        && !path.contains(&b'\n')
        && memmem::find_iter(list, path).any(|at| {
            let before = list.get(..at).and_then(<[u8]>::last);
            let after = list.get(at + path.len());
            matches!(before, None | Some(b'\n')) && matches!(after, None | Some(b'\n'))
        })
}

/// The names of the desktop entries in a list of files, at most `most`.
pub(super) fn desktop_entries(list: &[u8], most: usize) -> Vec<String> {
    const DIRECTORY: &[u8] = b"/usr/share/applications/";
    memmem::find_iter(list, DIRECTORY)
        .filter_map(|at| {
            let line = list.get(at + DIRECTORY.len()..)?;
            let line = line.get(..memchr::memchr(b'\n', line).unwrap_or(line.len()))?;
            let name = std::str::from_utf8(line).ok()?;
            name.ends_with(".desktop").then(|| name.to_owned())
        })
        .take(most)
        .collect()
}

/// The digest that a package's `md5sums` has for an absolute path. Files that people are meant
/// to change (conffiles) are not in it.
pub(super) fn digest(md5sums: &[u8], path: &[u8]) -> Option<Digest> {
    let path = path.strip_prefix(b"/")?;
    md5sums.split(|&b| b == b'\n').find_map(|line| {
        let (digest, rest) = line.split_at_checked(32)?;
        let named = rest.strip_prefix(b"  ")?;
        let named = named.strip_prefix(b"./").unwrap_or(named);
        (named == path).then(|| hexadecimal(digest)).flatten()
    })
}

fn hexadecimal(text: &[u8]) -> Option<Digest> {
    let text = std::str::from_utf8(text).ok()?;
    // `from_str_radix` would take a sign.
    if !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes)
}

/// The version of an installed package, from the text of dpkg's `status`; printable ASCII.
pub(super) fn version(status: &[u8], package: &PackageId) -> Option<String> {
    let wanted = format!("Package: {}\n", package.name());
    memmem::find_iter(status, wanted.as_bytes())
        .filter(|&at| at == 0 || status.get(at - 1) == Some(&b'\n'))
        .find_map(|at| {
            let stanza = status.get(at..)?;
            let end = memmem::find(stanza, b"\n\n").unwrap_or(stanza.len());
            let stanza = std::str::from_utf8(stanza.get(..end)?).ok()?;
            let field = |name: &str| {
                let mut lines = stanza.lines();
                lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            };
            let same = package
                .architecture()
                .is_none_or(|architecture| field("Architecture") == Some(architecture));
            // Between removal and purge nothing but its settings is there.
            let installed = field("Status").is_some_and(|status| status.ends_with(" installed"));
            field("Version")
                .filter(|version| same && installed && is_version(version))
                .map(str::to_owned)
        })
}

/// deb-version(7).
fn is_version(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b".+-~:".contains(&b);
    (1..=200).contains(&text.len()) && text.bytes().all(fits)
}

/// A file that dpkg puts elsewhere than where its package has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Diversion {
    from: Vec<u8>,
    to: Vec<u8>,
    /// The package whose own file is at `from`; none for one of the administrator's.
    by: Option<String>,
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Diversions {
    all: Vec<Diversion>,
}

/// Under which path the package that owns a file lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub path: Vec<u8>,
    who: Who,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Who {
    Anybody,
    Only(String),
    AllBut(Option<String>),
}

impl Listed {
    /// True if it is this package's file, given that it lists the path.
    pub(super) fn fits(&self, package: &PackageId) -> bool {
        match &self.who {
            Who::Anybody => true,
            Who::Only(name) => package.name() == name,
            Who::AllBut(name) => name.as_deref() != Some(package.name()),
        }
    }
}

impl Diversions {
    /// Three lines each: from, to, and the package, or `:` for the administrator.
    pub(super) fn parse(text: &[u8]) -> Self {
        let lines: Vec<&[u8]> = text.split(|&b| b == b'\n').collect();
        let all = lines
            .chunks_exact(3)
            .filter_map(|lines| match lines {
                [from, to, by] => Some(Diversion {
                    from: from.to_vec(),
                    to: to.to_vec(),
                    by: std::str::from_utf8(by)
                        .ok()
                        .filter(|by| *by != ":")
                        .map(str::to_owned),
                }),
                _ => None,
            })
            .collect();
        Self { all }
    }

    /// Where to look for the owner of the file at a path; `None` if the administrator put it
    /// there in place of a package's.
    pub(super) fn listed(&self, path: &[u8]) -> Option<Listed> {
        if let Some(moved) = self.all.iter().find(|diversion| diversion.to == path) {
            return Some(Listed {
                path: moved.from.clone(),
                who: Who::AllBut(moved.by.clone()),
            });
        }
        let who = match self.all.iter().find(|diversion| diversion.from == path) {
            Some(diversion) => Who::Only(diversion.by.clone()?),
            None => Who::Anybody,
        };
        Some(Listed {
            path: path.to_vec(),
            who,
        })
    }
}

/// Other paths under which a package may list a file that is found at `path`: `/bin` and others
/// became links into `/usr`, and not every package says so.
pub(super) fn spellings(path: &[u8]) -> Vec<Vec<u8>> {
    const DIRECTORIES: [&[u8]; 10] = [
        b"/usr/bin/",
        b"/bin/",
        b"/usr/sbin/",
        b"/sbin/",
        b"/usr/lib/",
        b"/lib/",
        b"/usr/lib64/",
        b"/lib64/",
        b"/usr/lib32/",
        b"/lib32/",
    ];
    let below = DIRECTORIES
        .iter()
        .find_map(|directory| path.strip_prefix(*directory));
    below.map_or_else(Vec::new, |below| {
        DIRECTORIES
            .iter()
            .map(|directory| [directory, below].concat())
            .filter(|other| other != path)
            .collect()
    })
}

#[cfg(test)]
#[path = "package_tests.rs"]
mod tests;
