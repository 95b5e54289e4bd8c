//! Programs connect, the prompt asks, its buttons decide.

use bastion_tests::{As, Find, Result, Tour, eventually_equal};
use std::time::Duration;

use crate::place::{PROMPT, Place};

const PATIENCE: Duration = Duration::from_secs(20);

const CURL: &str = "/usr/bin/curl";
const PYTHON: &str = "/usr/bin/python3.13";

/// Connects, and prints the error's number if that fails (`ECONNABORTED` is 103, errno(3)).
const CONNECT: &str = "import socket,sys
s=socket.socket(); s.settimeout(60)
try:
    s.connect((sys.argv[1],int(sys.argv[2]))); print('connected')
except OSError as error:
    print('error', error.errno)";

/// Sends a datagram and prints the answer, or the error's number.
const DATAGRAM: &str = "import socket,sys
info=socket.getaddrinfo(sys.argv[1],int(sys.argv[2]),type=socket.SOCK_DGRAM)[0]
s=socket.socket(info[0],socket.SOCK_DGRAM); s.settimeout(60); s.connect(info[4])
try:
    s.send(b'ping'); print(s.recv(100).decode())
except OSError as error:
    print('error', error.errno)";

pub fn walk(tour: &mut Tour, place: &mut Place<'_>) {
    start(tour, place);
    three_programs(tour, place);
    forever(tour, place);
    datagrams(tour, place);
}

fn start(tour: &mut Tour, place: &mut Place<'_>) {
    tour.step("systemd has started the helper", "active", || {
        let is_active = ["systemctl", "is-active", "bastion-helper.service"];
        let state = || Ok(place.sandbox.output(As::Root, &is_active)?.stdout);
        eventually_equal("the helper", PATIENCE, &"active\n".to_owned(), state)?;
        Ok::<_, bastion_tests::Error>("active".to_owned())
    });
    tour.step("The app runs in the background and can ask", "1", || {
        place.start("app", &["bastion", "--background"])?;
        place.wait_count("agents", 1)?;
        place.count("agents").map(|agents| agents.to_string())
    });
    tour.step("A rule for nc is added", "nc to the tour's host", || {
        let add = [
            "rules",
            "add",
            "allow",
            "--program",
            "/usr/bin/nc.openbsd",
            "--to",
            "203.0.113.3",
            "--name",
            "nc to the tour's host",
        ];
        place.json(&add)?;
        let rules = place.json(&["rules", "list"])?;
        let names = rules.as_array().into_iter().flatten();
        let found = names
            .filter_map(|rule| rule["name"].as_str())
            .find(|n| n.starts_with("nc "));
        Ok::<_, bastion_tests::Error>(found.unwrap_or("no such rule").to_owned())
    });
}

/// One program waits, another has a rule, a third is asked about too.
fn three_programs(tour: &mut Tour, place: &mut Place<'_>) {
    let outcome: Result<()> = (|| {
        let curl = place.start("curl", &["curl", "-s", "-m", "100", "http://203.0.113.2/"])?;
        tour.step(
            "An unknown program connects: the prompt asks, and its connection waits",
            "asked about curl, 0 connections arrived, curl waits",
            || {
                place.asked_about(CURL)?;
                let arrived = place.connections(80)?;
                let state = if place.runs(&curl)? {
                    "waits"
                } else {
                    "is gone"
                };
                Ok::<_, bastion_tests::Error>(format!(
                    "asked about curl, {arrived} connections arrived, curl {state}"
                ))
            },
        );
        tour.step(
            "Meanwhile a second program, which has a rule, connects without being asked about",
            "exit 0: hello, 1 question open",
            || {
                let echo = "echo hello | nc -N -w 5 203.0.113.3 7";
                let seen = place.alice(&["sh", "-c", echo])?;
                let open = place.count("questions")?;
                Ok::<_, bastion_tests::Error>(format!("{seen}, {open} question open"))
            },
        );
        tour.step(
            "The prompt tells which package curl is from, and that nobody changed it",
            "Package: curl as shipped",
            || place.told_package("curl"),
        );
        let connect = ["python3", "-c", CONNECT, "203.0.113.4", "8080"];
        let python = place.start("python", &connect)?;
        tour.step(
            "A third program gets a question of its own",
            "1 more is waiting",
            || {
                place.wait_count("questions", 2)?;
                let more = Find::name("1 more is waiting").in_window(PROMPT);
                let widget = place.desktop.wait(&more)?;
                place.picture(Some(PROMPT), "prompt")?;
                Ok::<_, bastion_tests::Error>(widget.name)
            },
        );
        tour.step(
            "Allow is pressed in the prompt: the transfer succeeds",
            "exit 0: hello from the internet",
            || {
                place.press("Allow")?;
                place.ended(&curl)
            },
        );
        tour.step(
            "Deny is pressed for the third: it fails at once, and nothing arrived",
            "exit 0: error 103, 0 connections arrived",
            || {
                place.asked_about(PYTHON)?;
                place.press("Deny")?;
                let seen = place.ended(&python)?;
                let arrived = place.connections(8080)?;
                Ok::<_, bastion_tests::Error>(format!("{seen}, {arrived} connections arrived"))
            },
        );
        Ok(())
    })();
    report(tour, outcome);
}

/// A step that could not even begin counts as failed.
fn report(tour: &mut Tour, outcome: Result<()>) {
    if let Err(error) = outcome {
        tour.step("The programs of the next steps start", "they start", || {
            Err(error)
        });
    }
}

const FETCH6: [&str; 5] = ["curl", "-s", "-m", "100", "http://[2001:db8::5]/"];

fn forever(tour: &mut Tour, place: &mut Place<'_>) {
    tour.step(
        "Over IPv6, “forever” is chosen and Allow pressed",
        "exit 0: hello from the internet",
        || {
            let curl = place.start("curl6", &FETCH6)?;
            place.asked_about(CURL)?;
            place.choose("Remember", "Forever")?;
            place.press("Allow")?;
            place.ended(&curl)
        },
    );
    tour.step(
        "After a restart of the helper it is not asked about again",
        "exit 0: hello from the internet, 0 asked",
        || {
            place
                .sandbox
                .run(As::Root, &["systemctl", "restart", "bastion-helper"])?;
            place.wait_count("agents", 1)?;
            let seen = place.alice(&FETCH6)?;
            let asked = place.count("asked")?;
            Ok::<_, bastion_tests::Error>(format!("{seen}, {asked} asked"))
        },
    );
}

fn datagrams(tour: &mut Tour, place: &mut Place<'_>) {
    for (what, host, button, expected) in [
        (
            "UDP over IPv4, allowed",
            "203.0.113.6",
            "Allow",
            "exit 0: ping, 1 datagrams arrived",
        ),
        (
            "UDP over IPv6, denied",
            "2001:db8::7",
            "Deny",
            "exit 0: error 103, 0 datagrams arrived",
        ),
    ] {
        tour.step(what, expected, || {
            place.internet.forget()?;
            let program = place.start(button, &["python3", "-c", DATAGRAM, host, "7"])?;
            place.asked_about(PYTHON)?;
            place.choose("Remember", "Only this time")?;
            place.press(button)?;
            let seen = place.ended(&program)?;
            let arrived = place.datagrams(7)?;
            Ok::<_, bastion_tests::Error>(format!("{seen}, {arrived} datagrams arrived"))
        });
    }
}
