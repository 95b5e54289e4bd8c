//! Loading and attaching, each by trying it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use aya::maps::{Array, MapData, PerCpuArray};
use aya::programs::{
    CgroupAttachMode, CgroupSkb, CgroupSkbAttachType, FEntry, KProbe, Program, ProgramError,
    RawTracePoint, SockOps, SocketFilter,
};
use aya::{Btf, Ebpf, EbpfLoader, VerifierLogLevel};
use bastion_ebpf as ebpf;
use nix::libc;
use procfs::FromRead as _;
use procfs::process::MountInfos;

use super::maps::unusable;
use super::{DnsPackets, History, Judged, KernelError, KernelPasses, Pins, Senders};
use crate::sockets::SocketTables;

/// How senders are recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SenderHook {
    /// Not at all.
    #[default]
    None,
    /// By the program in iptables, which also lets pass what was taught.
    Iptables,
    /// At the entry of `nf_queue`, by fentry.
    Fentry,
    /// At the entry of `nf_queue`, by a kprobe.
    Kprobe,
}

/// Something that was to be attached and could not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What does not work therefore, as a sentence.
    pub consequence: &'static str,
    /// Why, with the errors beneath it.
    pub reason: String,
}

/// What is attached, and what is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hooks {
    /// How senders are recorded.
    pub senders: SenderHook,
    /// True if it is known what became of processes.
    pub processes: bool,
    /// True if name servers' answers are seen.
    pub names: bool,
    /// The rest.
    pub missing: Vec<Missing>,
}

impl Hooks {
    /// The word for how senders are identified.
    #[must_use]
    pub fn identification(&self) -> &'static str {
        match self.senders {
            SenderHook::Iptables => "packet-path",
            SenderHook::Fentry | SenderHook::Kprobe => "queue-hook",
            SenderHook::None => "socket-table",
        }
    }

    /// A word for each thing that is attached.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let senders = match self.senders {
            SenderHook::Iptables => Some("iptables"),
            SenderHook::Fentry => Some("fentry"),
            SenderHook::Kprobe => Some("kprobe"),
            SenderHook::None => None,
        };
        let processes = self.processes.then_some("processes");
        let names = self.names.then_some("names");
        let words = senders.into_iter().chain(processes).chain(names);
        words.map(str::to_owned).collect()
    }

    /// A sentence for each thing that is missing.
    pub fn troubles(&self) -> impl Iterator<Item = String> {
        let missing = self.missing.iter();
        missing.map(|missing| format!("{} The reason: {}.", missing.consequence, missing.reason))
    }

    /// Notes that something is missing.
    pub fn lack(&mut self, consequence: &'static str, error: &dyn std::error::Error) {
        let reason = with_sources(error);
        tracing::warn!("{consequence} {reason}");
        self.missing.push(Missing {
            consequence,
            reason,
        });
    }
}

/// An error with those beneath it, shortened: the kernel's words about a refused program can be
/// thousands of lines.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(error.to_string().lines().next().unwrap_or_default());
        source = error.source();
    }
    text.chars().take(400).collect()
}

/// The programs, loaded; they go with this value, but for those that rules hold.
pub struct Kernel {
    ebpf: Ebpf,
    judged: Judged,
    counters: PerCpuArray<MapData, u64>,
}

/// What is taken from the loaded programs by those who use it.
pub struct Parts {
    /// Records of senders.
    pub senders: Arc<Senders>,
    /// What may pass.
    pub passes: KernelPasses,
    /// What became of processes.
    pub history: History,
    /// Packets to and from name servers.
    pub dns: DnsPackets,
}

impl Kernel {
    /// Loads the object with all its maps, for the network namespace of this thread and the pid
    /// namespace of this process. No program runs yet.
    ///
    /// # Errors
    /// When the kernel takes no programs at all: it lacks type information
    /// (`CONFIG_DEBUG_INFO_BTF`), or the helper may not (`CAP_BPF`, `CAP_PERFMON`).
    pub fn load() -> Result<(Self, Parts), KernelError> {
        let network = number("network", "/proc/thread-self/ns/net")?;
        let pids = number("process", "/proc/self/ns/pid")?;
        // The programs are compiled for the structures of one kernel and are fitted to this one by
        // its type information. The loader on its own would load them unfitted where there is none,
        // to read from other places than those where this kernel has its fields.
        let types = Btf::from_sys_fs().map_err(|error| KernelError::NoTypes(Box::new(error)))?;
        let mut ebpf = EbpfLoader::new()
            .btf(Some(&types))
            // Room for the verifier's words is taken only when it refuses something.
            .verifier_log_level(VerifierLogLevel::VERBOSE | VerifierLogLevel::STATS)
            .load(ebpf::OBJECT)
            .map_err(|error| KernelError::Object(Box::new(error)))?;
        drop(types);
        give_memory_back();
        let first = ebpf::Control {
            generation: 1,
            network,
            pids,
        };
        let control = control(&mut ebpf, first)?;
        // The engine takes one of its maps.
        let judged = Judged::take(&mut ebpf)?;
        let senders = Arc::new(Senders::take(&mut ebpf)?);
        let parts = Parts {
            passes: KernelPasses::take(&mut ebpf, control, first, Arc::clone(&senders))?,
            senders,
            history: History::take(&mut ebpf)?,
            dns: DnsPackets::take(&mut ebpf, network)?,
        };
        let counters = ebpf
            .take_map("COUNTERS")
            .ok_or(KernelError::Lacks("COUNTERS"))?;
        let kernel = Self {
            judged,
            counters: PerCpuArray::try_from(counters).map_err(|e| unusable("COUNTERS", e))?,
            ebpf,
        };
        Ok((kernel, parts))
    }

    /// Takes note of the sockets that are there now, whose datagrams may go on.
    ///
    /// # Errors
    /// When the map can't be written.
    pub fn note_sockets(&mut self, tables: &mut SocketTables) -> Result<usize, KernelError> {
        let mut noted = 0;
        let sockets = tables.datagram_sockets(|_| true).unwrap_or_else(|error| {
            tracing::warn!(%error, "sockets that are open already are not known: {error}");
            Vec::new()
        });
        for socket in sockets {
            let Some(cookie) = socket.cookie else {
                continue;
            };
            self.judged.note(cookie)?;
            noted += 1;
        }
        Ok(noted)
    }

    /// Whose datagrams may go on.
    #[must_use]
    pub fn judged(&self) -> &Judged {
        &self.judged
    }

    /// The same, to change it.
    pub fn judged_mut(&mut self) -> &mut Judged {
        &mut self.judged
    }

    /// Loads the programs that iptables asks, and pins them where it finds them.
    ///
    /// # Errors
    /// When one is refused, or there is no BPF file system.
    pub fn pin(&mut self) -> Result<Pins, KernelError> {
        for name in ["bastion_pass", "bastion_taken_over"] {
            let program: &mut SocketFilter = typed(&mut self.ebpf, name)?;
            program.load().map_err(refused(name))?;
        }
        Pins::make(|name, path| {
            let program = self
                .ebpf
                .program_mut(name)
                .ok_or(KernelError::Lacks(name))?;
            program.pin(path).map_err(|error| KernelError::Pin {
                path: path.display().to_string(),
                source: io::Error::other(error),
            })
        })
    }

    /// Has senders recorded at the entry of `nf_queue`; by fentry where the kernel can, else by a
    /// kprobe.
    ///
    /// # Errors
    /// When it can do neither.
    pub fn attach_queued(&mut self) -> Result<SenderHook, KernelError> {
        match self.attach_fentry() {
            Ok(()) => return Ok(SenderHook::Fentry),
            Err(error) => tracing::debug!(
                error = &error as &dyn std::error::Error,
                "no fentry; a kprobe is tried"
            ),
        }
        self.attach_kprobe()?;
        Ok(SenderHook::Kprobe)
    }

    /// Has senders recorded at the entry of `nf_queue` by fentry.
    ///
    /// # Errors
    /// When the kernel has no trampolines for programs, or refuses this one.
    pub fn attach_fentry(&mut self) -> Result<(), KernelError> {
        let names = ["bastion_queued_fentry", "bastion_queued_second"];
        let types = Btf::from_sys_fs().map_err(|error| refused(names[0])(error.into()))?;
        for name in names {
            let program: &mut FEntry = typed(&mut self.ebpf, name)?;
            program.load("nf_queue", &types).map_err(refused(name))?;
        }
        // One after the other without a pause: each counts on the other's being there.
        for name in names {
            let program: &mut FEntry = typed(&mut self.ebpf, name)?;
            program.attach().map_err(refused(name))?;
        }
        drop(types);
        give_memory_back();
        Ok(())
    }

    /// Has senders recorded at the entry of `nf_queue` by a kprobe.
    ///
    /// # Errors
    /// When the kernel has no kprobes, or refuses the program.
    pub fn attach_kprobe(&mut self) -> Result<(), KernelError> {
        let name = "bastion_queued_kprobe";
        let program: &mut KProbe = typed(&mut self.ebpf, name)?;
        program.load().map_err(refused(name))?;
        program.attach("nf_queue", 0).map_err(refused(name))?;
        Ok(())
    }

    /// Has connections known by their sockets, so that what is sent again is known to be from the
    /// same one. Whatever records senders at `nf_queue` needs it.
    ///
    /// # Errors
    /// When there is no cgroup2 hierarchy, or the program is refused.
    pub fn attach_cookies(&mut self) -> Result<(), KernelError> {
        let root = root_cgroup().ok_or(KernelError::NoCgroup)?;
        let name = "bastion_cookie";
        let program: &mut SockOps = typed(&mut self.ebpf, name)?;
        program.load().map_err(refused(name))?;
        let attached = program.attach(&root, CgroupAttachMode::Single);
        attached.map_err(refused(name))?;
        Ok(())
    }

    /// Has it told what becomes of processes.
    ///
    /// # Errors
    /// When one of the programs is refused; the others stay.
    pub fn attach_processes(&mut self) -> Result<(), KernelError> {
        for (name, point) in [
            ("bastion_exec", "sched_process_exec"),
            ("bastion_fork", "sched_process_fork"),
            ("bastion_exit", "sched_process_exit"),
        ] {
            let program: &mut RawTracePoint = typed(&mut self.ebpf, name)?;
            program.load().map_err(refused(name))?;
            program.attach(point).map_err(refused(name))?;
        }
        Ok(())
    }

    /// Has packets to and from name servers shown.
    ///
    /// # Errors
    /// When there is no cgroup2 hierarchy, or a program is refused.
    pub fn attach_names(&mut self) -> Result<(), KernelError> {
        let root = root_cgroup().ok_or(KernelError::NoCgroup)?;
        for (name, direction) in [
            ("bastion_dns_in", CgroupSkbAttachType::Ingress),
            ("bastion_dns_out", CgroupSkbAttachType::Egress),
        ] {
            let program: &mut CgroupSkb = typed(&mut self.ebpf, name)?;
            program.load().map_err(refused(name))?;
            // A link, beside which others may attach theirs, here and below.
            let attached = program.attach(&root, direction, CgroupAttachMode::Single);
            attached.map_err(refused(name))?;
        }
        Ok(())
    }

    /// The sum of a counter over all processors.
    #[must_use]
    pub fn counted(&self, counter: u32) -> u64 {
        let values = self.counters.get(&counter, 0);
        values.map_or(0, |values| values.iter().sum())
    }
}

fn control(
    ebpf: &mut Ebpf,
    first: ebpf::Control,
) -> Result<Array<MapData, ebpf::Control>, KernelError> {
    let map = ebpf
        .take_map("CONTROL")
        .ok_or(KernelError::Lacks("CONTROL"))?;
    let failed = |error| unusable("CONTROL", error);
    let mut control = Array::try_from(map).map_err(failed)?;
    control.set(0, first, 0).map_err(failed)?;
    Ok(control)
}

fn typed<'a, T>(ebpf: &'a mut Ebpf, name: &'static str) -> Result<&'a mut T, KernelError>
where
    &'a mut T: TryFrom<&'a mut Program, Error = ProgramError>,
{
    let program = ebpf.program_mut(name).ok_or(KernelError::Lacks(name))?;
    program.try_into().map_err(refused(name))
}

fn refused(program: &'static str) -> impl Fn(ProgramError) -> KernelError {
    move |source| KernelError::Program {
        program,
        source: Box::new(source),
    }
}

/// The number of a namespace: the inode of its file in `/proc` (namespaces(7)).
fn number(what: &'static str, path: &str) -> Result<u32, KernelError> {
    let failed = |error| KernelError::Namespace(what, error);
    let inode = fs::metadata(path).map_err(failed)?.ino();
    u32::try_from(inode).map_err(|error| failed(io::Error::other(error)))
}

/// The root of the cgroup2 hierarchy, wherever it is mounted.
fn root_cgroup() -> Option<File> {
    let mounts = MountInfos::from_file("/proc/thread-self/mountinfo").ok()?;
    let mut mounts = mounts
        .into_iter()
        .filter(|mount| mount.fs_type == "cgroup2");
    File::open(mounts.next()?.mount_point).ok()
}

/// Reading the kernel's type information takes 38 MB for a moment, which the allocator would keep.
fn give_memory_back() {
    // SAFETY: it takes no pointers and may be called at any time, malloc_trim(3).
    unsafe { libc::malloc_trim(0) };
}
