//! Connects, and sends.

use std::net::UdpSocket;
use std::os::fd::AsRawFd as _;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use bastion_tests::{Connected, LoadRequest, LoadTarget};
use nix::libc;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, connect, setsockopt, socket, sockopt,
};
use serde_json::{Value, json};

/// The kernel sends an unanswered SYN again after a second (TCP_TIMEOUT_INIT, net/tcp.h), or a
/// little less as it counts in ticks; nothing else takes as long here.
const RESENT: Duration = Duration::from_millis(900);

/// Send buffer in bytes: room for all datagrams of a burst at once, each of which takes less than
/// 1 KiB in the kernel's accounting until it has left. With less room the socket would wait for
/// whoever judges its packets, and there would be no burst.
const SEND_BUFFER: usize = 16 << 20;

pub struct Client {
    target: LoadTarget,
}

impl Client {
    pub fn new(target: LoadTarget) -> Self {
        Self { target }
    }

    pub fn answer(&self, request: LoadRequest) -> anyhow::Result<Value> {
        match request {
            LoadRequest::Connect {
                threads,
                each,
                pause_us,
            } => {
                let pause = Duration::from_micros(pause_us.into());
                Ok(json!(self.connect(threads, each, pause)?))
            }
            LoadRequest::Steady {
                per_second,
                seconds,
            } => Ok(json!(self.connect_steadily(per_second, seconds)?)),
            LoadRequest::Burst => Ok(json!(self.burst()?)),
            other => bail!("a client can't {other:?}"),
        }
    }

    fn connect(&self, threads: u32, each: u32, pause: Duration) -> anyhow::Result<Connected> {
        let start = Barrier::new(usize::try_from(threads)? + 1);
        let (taken, seconds) = thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        self.connect_again_and_again(each, pause)
                    })
                })
                .collect();
            start.wait();
            let began = Instant::now();
            let mut taken = Vec::new();
            for worker in workers {
                let its = worker
                    .join()
                    .map_err(|_| anyhow!("a thread ended early"))??;
                taken.extend(its);
            }
            anyhow::Ok((taken, began.elapsed().as_secs_f64()))
        })?;
        summary(taken, seconds)
    }

    fn connect_again_and_again(
        &self,
        times: u32,
        pause: Duration,
    ) -> anyhow::Result<Vec<Duration>> {
        let (family, to) = self.destination();
        (0..times)
            .map(|_| {
                let taken = connect_once(family, &to);
                // Busy, so that this processor need not be woken.
                let end = Instant::now() + pause;
                while Instant::now() < end {
                    std::hint::spin_loop();
                }
                taken
            })
            .collect::<nix::Result<_>>()
            .context("connecting failed")
    }

    fn connect_steadily(&self, per_second: u32, seconds: u32) -> anyhow::Result<Connected> {
        let (family, to) = self.destination();
        let step = Duration::from_secs(1)
            .checked_div(per_second)
            .context("no connection a second")?;
        let began = Instant::now();
        let taken = (0..per_second.saturating_mul(seconds))
            .map(|number| {
                let due = began + step * number;
                thread::sleep(due.saturating_duration_since(Instant::now()));
                connect_once(family, &to)
            })
            .collect::<nix::Result<_>>()
            .context("connecting failed")?;
        summary(taken, began.elapsed().as_secs_f64())
    }

    fn destination(&self) -> (AddressFamily, SockaddrStorage) {
        let to = std::net::SocketAddr::from((self.target.address, self.target.port));
        let family = if self.target.address.is_ipv4() {
            AddressFamily::Inet
        } else {
            AddressFamily::Inet6
        };
        (family, SockaddrStorage::from(to))
    }

    /// Sends from one socket; gives how many datagrams the kernel took.
    fn burst(&self) -> anyhow::Result<u64> {
        let unspecified = if self.target.address.is_ipv4() {
            "0.0.0.0:0"
        } else {
            "[::]:0"
        };
        let socket = UdpSocket::bind(unspecified).context("no socket")?;
        setsockopt(&socket, sockopt::SndBufForce, &SEND_BUFFER)
            .context("the send buffer can't be made large")?;
        let ports = (self.target.first..).take(usize::from(self.target.datagrams));
        let mut sent = 0;
        for port in ports {
            if socket
                .send_to(b"hello", (self.target.address, port))
                .is_ok()
            {
                sent += 1;
            }
        }
        Ok(sent)
    }
}

/// How long `connect` took. The socket is closed by a reset, so that neither side keeps anything
/// of it.
fn connect_once(family: AddressFamily, to: &SockaddrStorage) -> nix::Result<Duration> {
    let socket = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    let at_once = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    setsockopt(&socket, sockopt::Linger, &at_once)?;
    let began = Instant::now();
    connect(socket.as_raw_fd(), to)?;
    Ok(began.elapsed())
}

fn summary(mut taken: Vec<Duration>, seconds: f64) -> anyhow::Result<Connected> {
    taken.sort_unstable();
    let at = |part: usize| {
        let rank = (taken.len() * part).div_ceil(100).saturating_sub(1);
        let duration = taken.get(rank).context("no connection was asked for")?;
        anyhow::Ok(duration.as_secs_f64() * 1e6)
    };
    Ok(Connected {
        connections: u32::try_from(taken.len())?,
        p50_us: at(50)?,
        p99_us: at(99)?,
        seconds,
        resent: u32::try_from(taken.iter().filter(|took| **took >= RESENT).count())?,
    })
}
