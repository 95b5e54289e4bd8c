//! Which package owns a program, and whether the program is as the package shipped it.
//!
//! dpkg's records are only as good as root's word, and MD5, the only digest in them, can be
//! outwitted by whoever makes a package. What they show is whether a file was changed since it
//! was installed, by accident or by somebody who did not care to change the records too.

use std::collections::HashMap;
use std::io::{self, Read as _};

use bastion_ipc::wire::PackageState;
use bastion_policy::process::FileId;
use md5::{Digest as _, Md5};

use super::machine::{Machine, OpenFile, Stamp};
use super::package::{self, Digest, Diversions, Listed, PackageId};

const RECORDS: &[u8] = b"/var/lib/dpkg/info";
const STATUS: &[u8] = b"/var/lib/dpkg/status";
const DIVERSIONS: &[u8] = b"/var/lib/dpkg/diversions";

/// The package that every system of dpkg's has.
const DPKG: &str = "dpkg";

/// Most bytes of one of dpkg's files; `status` has some MiB.
const MAX_RECORD: u64 = 64 * 1024 * 1024;
/// Largest program whose content is compared, in bytes: browsers have some 250 MiB.
const MAX_PROGRAM: u64 = 512 * 1024 * 1024;
/// Most programs remembered.
const MAX_KNOWN: usize = 512;
/// Most desktop entries of one package.
const MAX_ENTRIES: usize = 64;

/// A package that owns a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its name, with an architecture where dpkg has it under one.
    pub name: String,
    /// The installed version; `None` where dpkg does not tell.
    pub version: Option<String>,
}

/// Where a program's file comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The package that owns it.
    pub package: Option<Package>,
    /// Whether it is as the package shipped it.
    pub state: PackageState,
    /// The package's desktop entries, as names of files in `/usr/share/applications`.
    pub(super) desktop_entries: Vec<String>,
}

impl Origin {
    fn of_nobody(state: PackageState) -> Self {
        Self {
            state,
            ..Self::default()
        }
    }
}

/// What is read of dpkg's records, as long as they are the same.
#[derive(Debug, Default)]
pub(super) struct Dpkg {
    records: Option<[Option<Stamp>; 3]>,
    owners: HashMap<(Vec<u8>, FileId), Owned>,
    digests: HashMap<Stamp, Digest>,
}

/// What dpkg records about a file.
#[derive(Clone, Debug)]
enum Owned {
    /// There are no records, or they can't be read.
    NotKnown,
    ByNobody,
    By {
        package: Package,
        digest: Option<Digest>,
        desktop_entries: Vec<String>,
    },
}

impl Dpkg {
    /// Where the program at this path of the machine comes from. `running` is the file that
    /// runs; `None` or another than the one at the path is not compared with anything.
    pub(super) fn origin(
        &mut self,
        machine: &Machine,
        path: &[u8],
        running: Option<FileId>,
    ) -> Origin {
        self.forget_if_changed(machine);
        let there = machine.open_file(path).ok();
        let found = there.as_ref().map(|open| open.stamp.file);
        let owned = match found.or(running) {
            Some(file) => self.owned(machine, path, file),
            None => return Origin::default(),
        };
        match owned {
            Owned::NotKnown => Origin::default(),
            // Of a file that is gone it can't be said that it never was a package's.
            Owned::ByNobody if found.is_none() => Origin::default(),
            Owned::ByNobody => Origin::of_nobody(PackageState::Unpackaged),
            Owned::By {
                package,
                digest,
                desktop_entries,
            } => {
                let same = found == running;
                let open = there.filter(|_| same);
                Origin {
                    state: self.state(open, digest),
                    package: Some(package),
                    desktop_entries,
                }
            }
        }
    }

    fn forget_if_changed(&mut self, machine: &Machine) {
        let records = [RECORDS, STATUS, DIVERSIONS].map(|path| machine.stamp(path));
        if self.records != Some(records) {
            let settled = records.iter().flatten().all(Stamp::is_settled);
            self.records = settled.then_some(records);
            self.owners.clear();
        }
    }

    fn owned(&mut self, machine: &Machine, path: &[u8], file: FileId) -> Owned {
        let key = (path.to_vec(), file);
        if let Some(owned) = self.owners.get(&key) {
            return owned.clone();
        }
        let owned = owned(machine, path, file).unwrap_or_else(|error| {
            let path = bastion_policy::escape::bytes(path);
            tracing::debug!(%error, path, "dpkg's records can't be read: {error}");
            Owned::NotKnown
        });
        bounded(&mut self.owners).insert(key, owned.clone());
        owned
    }

    fn state(&mut self, open: Option<OpenFile>, recorded: Option<Digest>) -> PackageState {
        let (Some(open), Some(recorded)) = (open, recorded) else {
            return PackageState::Unknown;
        };
        match self.digest(open) {
            Some(digest) if digest == recorded => PackageState::AsShipped,
            Some(_) => PackageState::Changed,
            None => PackageState::Unknown,
        }
    }

    /// The digest of a file; `None` if it is too large, can't be read or changes meanwhile.
    fn digest(&mut self, mut open: OpenFile) -> Option<Digest> {
        let stamp = open.stamp;
        if let Some(digest) = self.digests.get(&stamp) {
            return Some(*digest);
        }
        if stamp.size > MAX_PROGRAM {
            return None;
        }
        let digest = hash(&mut open, stamp.size).ok()?;
        if !open.is_unchanged() {
            return None;
        }
        if stamp.is_settled() {
            bounded(&mut self.digests).insert(stamp, digest);
        }
        Some(digest)
    }
}

/// The map with room for one more: where there is none, everything in it is forgotten.
fn bounded<K, V>(map: &mut HashMap<K, V>) -> &mut HashMap<K, V> {
    if map.len() >= MAX_KNOWN {
        map.clear();
    }
    map
}

fn hash(open: &mut OpenFile, size: u64) -> io::Result<Digest> {
    let mut hasher = Md5::new();
    let mut buffer = vec![0; 128 * 1024];
    let mut left = size;
    loop {
        let length = open.read(&mut buffer)?;
        let read = buffer.get(..length).unwrap_or_default();
        left = match left.checked_sub(read.len() as u64) {
            Some(left) => left,
            // It grows while it is read.
            None => return Err(io::ErrorKind::FileTooLarge.into()),
        };
        if read.is_empty() {
            return Ok(hasher.finalize().into());
        }
        hasher.update(read);
    }
}

/// Reads from dpkg's records who owns a file.
fn owned(machine: &Machine, path: &[u8], file: FileId) -> io::Result<Owned> {
    let Some(packages) = packages(machine, path)? else {
        return Ok(Owned::NotKnown);
    };
    let listed = listed(machine, path, file)?;
    let mut list = Vec::new();
    for id in &packages {
        match machine.read_into(&record(id, "list"), MAX_RECORD, &mut list) {
            Ok(()) => {}
            // Removed meanwhile; the records are others then, and will be read anew.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        }
        let mine = |listed: &&Listed| listed.fits(id) && package::lists(&list, &listed.path);
        if let Some(listed) = listed.iter().find(mine) {
            return Ok(Owned::By {
                package: Package {
                    name: id.as_str().to_owned(),
                    version: version(machine, id),
                },
                digest: recorded(machine, id, &listed.path),
                desktop_entries: package::desktop_entries(&list, MAX_ENTRIES),
            });
        }
    }
    Ok(Owned::ByNobody)
}

/// All packages, those first that are named like the file; none if dpkg does not run this
/// system.
fn packages(machine: &Machine, path: &[u8]) -> io::Result<Option<Vec<PackageId>>> {
    let names = match machine.names(RECORDS, b".list") {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut ids: Vec<PackageId> = names
        .iter()
        .filter_map(|name| PackageId::new(name))
        .collect();
    if !ids.iter().any(|id| id.name() == DPKG) {
        return Ok(None);
    }
    let file_name = path.rsplit(|&b| b == b'/').next().unwrap_or_default();
    ids.sort_by(|a, b| {
        let other = |id: &PackageId| !file_name.starts_with(id.name().as_bytes());
        (other(a), a.as_str()).cmp(&(other(b), b.as_str()))
    });
    Ok(Some(ids))
}

/// The paths under which its owner may list a file.
fn listed(machine: &Machine, path: &[u8], file: FileId) -> io::Result<Vec<Listed>> {
    let diversions = match machine.read(DIVERSIONS, MAX_RECORD) {
        Ok(text) => Diversions::parse(&text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Diversions::default(),
        Err(error) => return Err(error),
    };
    let others = package::spellings(path)
        .into_iter()
        .filter(|other| machine.file(other) == Some(file));
    Ok(std::iter::once(path.to_vec())
        .chain(others)
        .filter_map(|path| diversions.listed(&path))
        .collect())
}

fn record(id: &PackageId, kind: &str) -> Vec<u8> {
    [RECORDS, format!("/{}.{kind}", id.as_str()).as_bytes()].concat()
}

fn version(machine: &Machine, id: &PackageId) -> Option<String> {
    package::version(&machine.read(STATUS, MAX_RECORD).ok()?, id)
}

fn recorded(machine: &Machine, id: &PackageId, path: &[u8]) -> Option<Digest> {
    let sums = machine.read(&record(id, "md5sums"), MAX_RECORD).ok()?;
    package::digest(&sums, path)
}

#[cfg(test)]
#[path = "dpkg_tests.rs"]
mod tests;
