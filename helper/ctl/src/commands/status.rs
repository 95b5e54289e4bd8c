//! `bastionctl status`.

use bastion_ipc::wire::Status;

use super::safeguard;
use crate::client::{Client, authenticated};
use crate::error::Error;
use crate::output::{Output, View, clean};

/// Shows what state the firewall is in.
pub(crate) async fn run(client: &Client, output: &Output) -> Result<(), Error> {
    let status = authenticated(client.control().await?.get_status()).await?;
    output.print(&status, |view| render(&status, view))
}

fn render(status: &Status, view: &View) -> String {
    let mode = match (status.paused_until, status.mode.as_str()) {
        (until, _) if until > 0 => {
            format!("paused: everything is allowed until {}", view.time(until))
        }
        (_, "ask") => "ask: connections that no rule decides wait for an answer".into(),
        (_, "learn") => "learn: connections that no rule decides are allowed".into(),
        (_, other) => clean(other).into_owned(),
    };
    let when_down = match status.when_down.as_str() {
        "open" => "open: connections are allowed while the helper is down".into(),
        "closed" => "closed: connections are dropped while the helper is down".into(),
        other => clean(other).into_owned(),
    };
    let facts = [
        ("Mode", mode),
        ("When down", when_down),
        ("Identification", identification(&status.identification)),
        ("Kernel programs", hooks(&status.hooks)),
        ("Rules", status.rules.to_string()),
        (
            "Decided",
            format!("{} allowed, {} denied", status.allowed, status.denied),
        ),
        (
            "Questions",
            format!(
                "{} asked, {} open with {} packets waiting",
                status.asked, status.questions, status.waiting_packets
            ),
        ),
        ("Agents", agents(status.agents)),
        ("Lost packets", status.queue_lost.to_string()),
        ("Rules mended", mended(status.mended)),
    ];
    let title = format!("Bastion Firewall {}", clean(&status.version));
    let mut text = format!(
        "{}, running since {}\n",
        view.bold(&title),
        view.time(status.started)
    );
    for (name, fact) in facts {
        text.push_str(&format!("  {name:<16}{fact}\n"));
    }
    for guard in &status.safeguard {
        let notice = format!(
            "! Safeguard is on for {}: connections that no rule decides are dropped, because {}; \
             “bastionctl safeguard leave” ends it.",
            safeguard::whom(guard.user),
            safeguard::because(&guard.cause)
        );
        text.push_str(&view.paint(crate::output::verdict_style("deny"), &notice));
        text.push('\n');
    }
    for trouble in &status.troubles {
        let trouble = format!("! {}", clean(trouble));
        text.push_str(&view.paint(crate::output::verdict_style("deny"), &trouble));
        text.push('\n');
    }
    text
}

fn identification(word: &str) -> String {
    match word {
        "packet-path" => "by the kernel, in the packet's own path".into(),
        "queue-hook" => "by the kernel, as packets are queued".into(),
        "socket-table" => {
            "by the socket tables; programs that exit at once may stay unknown".into()
        }
        other => clean(other).into_owned(),
    }
}

fn hooks(hooks: &[String]) -> String {
    let say = |hook: &String| match hook.as_str() {
        "iptables" => "senders and verdicts (iptables)".into(),
        "fentry" => "senders (fentry)".into(),
        "kprobe" => "senders (kprobe)".into(),
        "processes" => "processes".into(),
        "names" => "host names".into(),
        other => clean(other).into_owned(),
    };
    match hooks {
        [] => "none".into(),
        hooks => hooks.iter().map(say).collect::<Vec<_>>().join(", "),
    }
}

fn mended(count: u64) -> String {
    match count {
        0 => "none: nobody has changed Bastion's iptables rules".into(),
        count => format!(
            "{count} faults of Bastion's iptables rules; “bastionctl log --verdict mended” names them"
        ),
    }
}

fn agents(count: u32) -> String {
    match count {
        0 => "none: nobody can be asked; “bastionctl prompt” asks in a terminal".into(),
        count => count.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::test_view;

    fn status() -> Status {
        Status {
            version: "3.0.0".into(),
            started: 1_795_514_403_000,
            mode: "ask".into(),
            when_down: "open".into(),
            identification: "packet-path".into(),
            hooks: ["iptables", "processes", "names"].map(str::to_owned).into(),
            rules: 12,
            allowed: 340,
            denied: 5,
            asked: 9,
            questions: 1,
            waiting_packets: 3,
            agents: 1,
            ..Status::default()
        }
    }

    #[test]
    fn the_state_is_shown_in_words() {
        assert_eq!(
            render(&status(), &test_view(None)),
            "\
Bastion Firewall 3.0.0, running since 2026-11-24 10:00:03
  Mode            ask: connections that no rule decides wait for an answer
  When down       open: connections are allowed while the helper is down
  Identification  by the kernel, in the packet's own path
  Kernel programs senders and verdicts (iptables), processes, host names
  Rules           12
  Decided         340 allowed, 5 denied
  Questions       9 asked, 1 open with 3 packets waiting
  Agents          1
  Lost packets    0
  Rules mended    none: nobody has changed Bastion's iptables rules
"
        );
    }

    #[test]
    fn pauses_and_troubles_stand_out() {
        let status = Status {
            paused_until: 1_795_514_463_000,
            agents: 0,
            troubles: vec!["iptables is missing\u{7}; install it".into()],
            ..status()
        };
        let text = render(&status, &test_view(None));
        assert!(text.contains("paused: everything is allowed until 2026-11-24 10:01:03"));
        assert!(text.contains("none: nobody can be asked"));
        assert!(text.ends_with("! iptables is missing\\x07; install it\n"));
    }
}
