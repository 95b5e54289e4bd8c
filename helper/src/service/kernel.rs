//! The kernel programs as the service uses them: as many as this kernel takes.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bastion_ebpf::counter;

use super::core::lock;
use super::names::ObservedNames;
use crate::engine::{NameSource, NoNames, NoPasses, Passes};
use crate::identify::{Identifier, PacketPathIdentifier, SocketTableIdentifier};
use crate::kernel::{
    History, Hooks, JudgedFlow, Kernel, KernelError, Parts, Pins, SenderHook, Senders, watch,
};
use crate::names::Sources;
use crate::netfilter::{KernelBypass, NetfilterError};
use crate::queue::Waker;
use crate::sockets::{SocketError, SocketTables};

const NO_PROGRAMS: &str = "Bastion's kernel programs are not used: programs are identified through \
     the socket tables, so those that end at once may stay unknown, and so may who started them; \
     names of destinations are not known, so rules by name match nothing; and every new connection \
     is decided in the helper.";
const NO_SENDERS: &str = "Programs are identified through the socket tables: those that end at once \
     may stay unknown.";
const NO_COOKIES: &str =
    "Connections whose first packet is sent again may stay of an unknown program.";
const NO_PASSES: &str = "iptables can't ask Bastion's kernel program, so every new connection is \
     decided in the helper, and a program that takes over another's UDP port may go on with its \
     connection.";
const NO_PROCESSES: &str = "Of programs that end at once it is not known who started them.";
const NO_NAMES: &str = "Names of destinations are not known: rules by name match nothing.";

/// A quarter of the records there is room for: `PASSING` of `ebpf/src/kernel/maps.h`.
const MANY: u64 = 1_024;

/// What is loaded, and what is attached.
pub(super) struct KernelSide {
    state: Mutex<State>,
    /// True while senders are recorded.
    recording: Arc<AtomicBool>,
    /// How many connections had passed when it was last asked whether many have.
    passed: AtomicU64,
}

struct State {
    kernel: Option<Kernel>,
    hooks: Hooks,
    pins: Option<Pins>,
    /// Who sent what, and what became of the senders.
    records: Option<(Arc<Senders>, History)>,
}

/// What the engine gets of it.
pub(super) struct EngineSide {
    pub identifier: Box<dyn Identifier>,
    pub passes: Box<dyn Passes>,
    pub names: Box<dyn NameSource>,
    /// Looks after what the names depend on, until it is dropped.
    pub sources: Option<Sources>,
}

impl KernelSide {
    /// Loads and attaches what this kernel takes. Nothing is fed by it yet.
    pub fn start(waker: &Waker) -> Result<(Self, EngineSide), SocketError> {
        let fallback = SocketTableIdentifier::new()?;
        let mut hooks = Hooks::default();
        let mut records = None;
        let recording = Arc::new(AtomicBool::new(false));
        let (kernel, engine, pins) = match Kernel::load() {
            Ok((mut kernel, parts)) => {
                let pins = attach(&mut kernel, &mut hooks);
                let reader = parts.history.clone();
                keep_reading("processes", parts.history.bell(), move || reader.read());
                records = Some((Arc::clone(&parts.senders), parts.history.clone()));
                note_sockets(&mut kernel);
                let engine = with_programs(parts, fallback, waker, &mut hooks, &recording);
                (Some(kernel), engine, pins)
            }
            Err(error) => {
                hooks.lack(NO_PROGRAMS, &error);
                let engine = EngineSide {
                    identifier: Box::new(fallback),
                    passes: Box::new(NoPasses),
                    names: Box::new(NoNames),
                    sources: None,
                };
                (None, engine, None)
            }
        };
        recording.store(hooks.senders != SenderHook::None, Ordering::Relaxed);
        let state = Mutex::new(State {
            kernel,
            hooks,
            pins,
            records,
        });
        let side = Self {
            state,
            recording,
            passed: AtomicU64::new(0),
        };
        Ok((side, engine))
    }

    /// Nothing is loaded, as where a kernel takes no programs.
    #[cfg(test)]
    pub fn without_programs() -> Self {
        let state = State {
            kernel: None,
            hooks: Hooks::default(),
            pins: None,
            records: None,
        };
        Self {
            state: Mutex::new(state),
            recording: Arc::default(),
            passed: AtomicU64::new(0),
        }
    }

    /// What decides in the kernel.
    pub fn bypass(&self) -> KernelBypass {
        match &lock(&self.state).pins {
            Some(Pins { pass, taken_over }) => KernelBypass::Pinned {
                pass: pass.clone(),
                taken_over: taken_over.clone(),
            },
            None => KernelBypass::StandIn,
        }
    }

    /// Does without the programs that iptables asks, if there are some; false if not.
    pub fn do_without_iptables(&self, why: &NetfilterError) -> bool {
        let mut state = lock(&self.state);
        if state.pins.take().is_none() {
            return false;
        }
        state.hooks.senders = SenderHook::None;
        state.hooks.lack(NO_PASSES, why);
        let State { kernel, hooks, .. } = &mut *state;
        if let Some(kernel) = kernel {
            attach_queued(kernel, hooks);
        }
        let recording = hooks.senders != SenderHook::None;
        self.recording.store(recording, Ordering::Relaxed);
        true
    }

    /// True if many connections have passed in the kernel since this was last true: there is little
    /// room for records of them.
    pub fn have_many_passed(&self) -> bool {
        let state = lock(&self.state);
        let passed = state
            .kernel
            .as_ref()
            .map_or(0, |it| it.counted(counter::PASSED));
        let many = passed.saturating_sub(self.passed.load(Ordering::Relaxed)) >= MANY;
        if many {
            self.passed.store(passed, Ordering::Relaxed);
        }
        many
    }

    /// Who opened sockets, as far as it was seen; `None` where it is not.
    pub fn openers(&self) -> Option<PacketPathIdentifier> {
        let (senders, history) = lock(&self.state).records.clone()?;
        let fallback = SocketTableIdentifier::new().ok()?;
        let recording = Arc::clone(&self.recording);
        Some(PacketPathIdentifier::new(
            senders, history, fallback, recording,
        ))
    }

    /// The flows whose datagrams go on without being judged again; none where iptables can't ask
    /// the programs.
    pub fn judged(&self) -> Vec<JudgedFlow> {
        let state = lock(&self.state);
        let kernel = state.kernel.as_ref().filter(|_| state.pins.is_some());
        kernel.map(|it| it.judged().flows()).unwrap_or_default()
    }

    /// Has the next datagram of this flow judged.
    pub fn forget_judged(&self, flow: &JudgedFlow) {
        if let Some(kernel) = &mut lock(&self.state).kernel
            && let Err(error) = kernel.judged_mut().forget(flow)
        {
            tracing::warn!(%error, flow = %flow.flow, "datagrams may go on that are denied: {error}");
        }
    }

    /// A sentence for each thing that is missing, or was lost.
    pub fn troubles(&self) -> Vec<String> {
        let state = lock(&self.state);
        let mut troubles: Vec<String> = state.hooks.troubles().collect();
        let lost = |counter| state.kernel.as_ref().map_or(0, |it| it.counted(counter));
        let (events, packets) = (lost(counter::LOST), lost(counter::DNS_LOST));
        if events > 0 {
            troubles.push(format!(
                "{events} events of processes came faster than they could be read: it may not be \
                 known who started some programs."
            ));
        }
        if packets > 0 {
            troubles.push(format!(
                "{packets} packets of name servers came faster than they could be read: some names \
                 may not be known."
            ));
        }
        troubles
    }

    /// What is attached.
    pub fn hooks(&self) -> Hooks {
        lock(&self.state).hooks.clone()
    }
}

fn with_programs(
    parts: Parts,
    fallback: SocketTableIdentifier,
    waker: &Waker,
    hooks: &mut Hooks,
    recording: &Arc<AtomicBool>,
) -> EngineSide {
    let waker = waker.clone();
    let bell = parts.dns.bell();
    keep_reading("names", bell, move || waker.wake());
    let (names, sources): (Box<dyn NameSource>, _) = match ObservedNames::start(parts.dns) {
        Ok((names, sources)) => (Box::new(names), Some(sources)),
        Err(error) => {
            hooks.lack(NO_NAMES, &error);
            hooks.names = false;
            (Box::new(NoNames), None)
        }
    };
    EngineSide {
        identifier: Box::new(PacketPathIdentifier::new(
            Arc::clone(&parts.senders),
            parts.history,
            fallback,
            Arc::clone(recording),
        )),
        passes: Box::new(parts.passes),
        names,
        sources,
    }
}

fn attach(kernel: &mut Kernel, hooks: &mut Hooks) -> Option<Pins> {
    match kernel.attach_processes() {
        Ok(()) => hooks.processes = true,
        Err(error) => hooks.lack(NO_PROCESSES, &error),
    }
    match kernel.attach_names() {
        Ok(()) => hooks.names = true,
        Err(error) => hooks.lack(NO_NAMES, &error),
    }
    match kernel.pin() {
        Ok(pins) => {
            hooks.senders = SenderHook::Iptables;
            Some(pins)
        }
        Err(error) => {
            hooks.lack(NO_PASSES, &error);
            attach_queued(kernel, hooks);
            None
        }
    }
}

fn attach_queued(kernel: &mut Kernel, hooks: &mut Hooks) {
    match kernel.attach_queued() {
        Ok(hook) => hooks.senders = hook,
        Err(error) => return hooks.lack(NO_SENDERS, &error),
    }
    if let Err(error) = kernel.attach_cookies() {
        hooks.lack(NO_COOKIES, &error);
    }
}

/// Has a ring read also when there is nothing to judge for long.
fn keep_reading(what: &str, bell: std::io::Result<OwnedFd>, read: impl FnMut() + Send + 'static) {
    if let Err(error) = bell.and_then(|bell| watch(bell, what, read)) {
        tracing::warn!(%error, "events of {what} are read only with packets: {error}");
    }
}

fn note_sockets(kernel: &mut Kernel) {
    let noted = SocketTables::open()
        .map_err(|error| error.to_string())
        .and_then(|mut tables| {
            let noted = kernel.note_sockets(&mut tables);
            noted.map_err(|error: KernelError| error.to_string())
        });
    match noted {
        Ok(sockets) => tracing::debug!(sockets, "datagrams under way may go on"),
        Err(error) => tracing::warn!("datagrams under way are judged anew: {error}"),
    }
}
