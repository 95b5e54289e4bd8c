//! Real name servers.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;

use crate::machine::{PATIENCE, RESOLVED, eventually};

/// A server that ends with this value.
pub struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// dnsmasq at an address, that knows what the options say and nothing else.
pub fn dnsmasq(address: &str, options: &[&str]) -> Server {
    dnsmasq_at(address, 53, options)
}

/// The same at another port.
pub fn dnsmasq_at(address: &str, port: u16, options: &[&str]) -> Server {
    let child = Command::new("/usr/sbin/dnsmasq")
        .args(["--keep-in-foreground", "--log-facility=-", "--pid-file="])
        .args(["--conf-file=/dev/null", "--no-resolv", "--no-hosts"])
        .args(["--bind-interfaces", "--local=/test/"])
        .args([
            format!("--listen-address={address}"),
            format!("--port={port}"),
        ])
        .args(options)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    started(child, "started, version")
}

/// A Python program that says so when it is ready.
pub fn python(code: &str) -> Server {
    let prelude = "import os, struct, sys\nfrom socket import *\n\
        def ready(): os.write(2, b'ready\\n')";
    let child = Command::new("/usr/bin/python3")
        .args(["-c", &format!("{prelude}\n{code}")])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    started(child, "ready")
}

/// Waits until a server says that it listens, and lets it say whatever it likes from then on.
fn started(mut child: Child, word: &'static str) -> Server {
    let output = BufReader::new(child.stderr.take().unwrap());
    let server = Server(child);
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            // The receiver is gone once it has heard enough.
            let _ = sender.send(line);
        }
    });
    let mut said = Vec::new();
    loop {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) if line.contains(word) => return server,
            Ok(line) => said.push(line),
            Err(error) => panic!("the server did not start ({error}): {said:?}"),
        }
    }
}

/// systemd-resolved without a bus, with these lines in its configuration.
pub fn resolved(lines: &[&str]) -> Server {
    let directory = Path::new("/run/systemd/resolved.conf.d");
    fs::create_dir_all(directory).unwrap();
    let text = format!(
        "[Resolve]\nFallbackDNS=\nMulticastDNS=no\n{}\n",
        lines.join("\n")
    );
    fs::write(directory.join("test.conf"), text).unwrap();
    let _ = fs::remove_dir_all("/run/systemd/resolve");
    let child = Command::new(RESOLVED)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let server = Server(child);
    let files = ["io.systemd.Resolve.Monitor", "stub-resolv.conf"];
    let directory = Path::new("/run/systemd/resolve");
    eventually("the start of systemd-resolved", || {
        let there = |file: &&str| directory.join(file).exists();
        files.iter().all(there).then_some(())
    });
    server
}
