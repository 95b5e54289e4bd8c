//! Teaching the kernel what may pass.

use std::collections::HashMap;
use std::sync::Arc;

use aya::Ebpf;
use aya::maps::{Array, MapData};
use bastion_ebpf as ebpf;
use bastion_policy::flow::{Flow, Protocol};
use bastion_policy::process::{Identity, ProcessKey};

use super::maps::{Table, get, take, unusable};
use super::tuple::address;
use super::{KernelError, Key, Senders};
use crate::engine::{Hit, Lesson, Passes, PassesError};

/// Most lessons at a time; with the next one all are forgotten, and begun anew. Half of what the
/// kernel's map has room for, so that it evicts none by itself.
const LESSONS: usize = 8_192;

/// What the kernel lets pass; see `kernel/pass.h`.
pub struct KernelPasses {
    senders: Arc<Senders>,
    passes: Table<ebpf::Pass, ebpf::Passed>,
    judged: Table<ebpf::Tuple, u64>,
    control: Array<MapData, ebpf::Control>,
    now: ebpf::Control,
    taught: HashMap<ebpf::Pass, Taught>,
}

/// What was taught, and why.
#[derive(Debug)]
struct Taught {
    lesson: Lesson,
    /// Hits that were told.
    told: u64,
}

impl KernelPasses {
    pub(super) fn take(
        ebpf: &mut Ebpf,
        control: Array<MapData, ebpf::Control>,
        now: ebpf::Control,
        senders: Arc<Senders>,
    ) -> Result<Self, KernelError> {
        Ok(Self {
            senders,
            passes: take(ebpf, "PASS")?,
            judged: take(ebpf, "JUDGED")?,
            control,
            now,
            taught: HashMap::new(),
        })
    }

    /// The record of what this program of this process sent last of this flow; `None` if the kernel
    /// has recorded another sender since, or the sender is not known by its record at all.
    fn record(
        &self,
        flow: &Flow,
        identity: &Identity,
    ) -> Result<Option<ebpf::Sender>, KernelError> {
        let sender = self.senders.last(Key::from(flow))?;
        Ok(sender.filter(|sender| match identity {
            Identity::Process(process) if sender.kind == ebpf::kind::PROCESS => {
                process.execs == Some(sender.image.execs)
                    && process.key == process_key(&sender.image)
                    && process.uid == sender.uid
            }
            // What the programs can't tell, they can't tell apart either.
            _ => sender.kind != ebpf::kind::PROCESS,
        }))
    }

    /// The key under which this may pass, if its sender is proven by the kernel's own record.
    fn key(&self, lesson: &Lesson) -> Result<Option<ebpf::Pass>, KernelError> {
        let sender = self.record(&lesson.flow, &lesson.identity)?;
        let sender = sender.filter(|sender| sender.kind == ebpf::kind::PROCESS);
        let (destination, family) = address(lesson.flow.destination);
        Ok(sender.map(|sender| ebpf::Pass {
            image: sender.image,
            cookie: if lesson.lasting { 0 } else { sender.cookie },
            destination,
            uid: sender.uid,
            port: lesson.flow.destination_port.to_be_bytes(),
            protocol: lesson.flow.protocol.number(),
            family,
        }))
    }

    fn try_teach(&mut self, lesson: Lesson) -> Result<Vec<Hit>, KernelError> {
        let Some(key) = self.key(&lesson)? else {
            return Ok(Vec::new());
        };
        if self.taught.contains_key(&key) {
            return Ok(Vec::new());
        }
        let mut hits = Vec::new();
        if self.taught.len() >= LESSONS {
            hits = self.forget()?;
        }
        let passed = ebpf::Passed {
            generation: self.now.generation,
            ..ebpf::Passed::default()
        };
        self.passes
            .insert(key, passed, 0)
            .map_err(|error| unusable("PASS", error))?;
        self.taught.insert(key, Taught { lesson, told: 0 });
        Ok(hits)
    }

    fn try_judged(&mut self, flow: &Flow, identity: &Identity) -> Result<(), KernelError> {
        if let Some(sender) = self.record(flow, identity)? {
            self.judged
                .insert(Key::from(flow).0, sender.cookie, 0)
                .map_err(|error| unusable("JUDGED", error))?;
        }
        Ok(())
    }
}

impl Passes for KernelPasses {
    fn judged(&mut self, flow: &Flow, identity: &Identity) {
        if !matches!(flow.protocol, Protocol::Udp | Protocol::UdpLite) {
            return;
        }
        // What is not kept is judged again.
        if let Err(error) = self.try_judged(flow, identity) {
            tracing::debug!(%error, "a judged tuple is not kept");
        }
    }

    fn teach(&mut self, lesson: Lesson) -> Result<Vec<Hit>, PassesError> {
        match self.try_teach(lesson) {
            Err(error @ KernelError::Map { map: "CONTROL", .. }) => Err(PassesError(error)),
            // What is not taught is asked about.
            Err(error) => {
                tracing::debug!(%error, "the kernel was not taught");
                Ok(Vec::new())
            }
            Ok(hits) => Ok(hits),
        }
    }

    fn forget(&mut self) -> Result<Vec<Hit>, PassesError> {
        Ok(KernelPasses::forget(self)?)
    }

    fn hits(&mut self) -> Vec<Hit> {
        let mut hits = Vec::new();
        for (key, taught) in &mut self.taught {
            let Ok(Some(passed)) = get(&self.passes, "PASS", key) else {
                continue;
            };
            let count = passed.hits.saturating_sub(taught.told);
            if count > 0 {
                taught.told = passed.hits;
                hits.push(Hit {
                    lesson: taught.lesson.clone(),
                    count,
                });
            }
        }
        hits
    }
}

impl KernelPasses {
    /// The next generation begins first, so that no hit comes after the last look.
    fn forget(&mut self) -> Result<Vec<Hit>, KernelError> {
        if self.taught.is_empty() {
            return Ok(Vec::new());
        }
        self.now.generation += 1;
        self.control
            .set(0, self.now, 0)
            .map_err(|error| unusable("CONTROL", error))?;
        let hits = self.hits();
        for key in self.taught.keys() {
            // Evicted ones are gone already.
            let _ = self.passes.remove(key);
        }
        self.taught.clear();
        Ok(hits)
    }
}

/// Clock ticks in a second, in which `/proc` tells times: `USER_HZ` of the kernel.
const TICKS: u64 = 100;

/// The name under which the rest of the helper knows the process: its start time in clock ticks,
/// as the kernel computes them from nanoseconds (`nsec_to_clock_t`).
pub(crate) fn process_key(image: &ebpf::Image) -> ProcessKey {
    ProcessKey {
        pid: image.pid,
        start_time: image.start / (1_000_000_000 / TICKS),
    }
}
