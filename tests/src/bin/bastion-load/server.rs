//! Accepts connections, and counts at how many ports datagrams arrive.

use std::net::{TcpListener, UdpSocket};
use std::thread;

use anyhow::{Context as _, bail};
use bastion_tests::{LoadRequest, LoadTarget};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{Backlog, listen};
use serde_json::{Value, json};

pub struct Server {
    /// Each with whether something has arrived. Of one datagram each, none is lost for want of
    /// room here.
    ports: Vec<(UdpSocket, bool)>,
}

impl Server {
    pub fn start(target: LoadTarget) -> anyhow::Result<Self> {
        let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
        setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
        let listener = TcpListener::bind((target.address, target.port))
            .with_context(|| format!("port {} can't be listened at", target.port))?;
        // The library's own is 128.
        listen(&listener, Backlog::MAXCONN)?;
        thread::spawn(move || accept(&listener));
        let ports = (target.first..)
            .take(usize::from(target.datagrams))
            .map(|port| {
                let socket = UdpSocket::bind((target.address, port))?;
                socket.set_nonblocking(true)?;
                Ok((socket, false))
            })
            .collect::<std::io::Result<_>>()
            .context("the ports for datagrams can't be had")?;
        Ok(Self { ports })
    }

    pub fn answer(&mut self, request: LoadRequest) -> anyhow::Result<Value> {
        match request {
            LoadRequest::Received => {
                self.look();
                let reached = self.ports.iter().filter(|(_, reached)| *reached);
                Ok(json!(reached.count()))
            }
            LoadRequest::Forget => {
                self.look();
                for (_, reached) in &mut self.ports {
                    *reached = false;
                }
                Ok(Value::Null)
            }
            other => bail!("a server can't {other:?}"),
        }
    }

    fn look(&mut self) {
        let mut buffer = [0; 64];
        for (socket, reached) in &mut self.ports {
            while socket.recv(&mut buffer).is_ok() {
                *reached = true;
            }
        }
    }
}

/// Accepts and closes. Connections that were reset before they came to their turn are no error.
fn accept(listener: &TcpListener) {
    loop {
        drop(listener.accept());
    }
}
