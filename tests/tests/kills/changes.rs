//! Changes of the rules while the helper is killed, and the files they are kept in: each has
//! either its old content or the new.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use bastion_tests::{As, Firewall, Sandbox};

pub const RULES: &str = "/etc/bastion/rules.toml";
const LAST_GOOD: &str = "/var/lib/bastion/rules.last-good.toml";
/// Between two looks at the files.
const LOOK: Duration = Duration::from_millis(10);
/// After a change that no helper answered.
const RETRY: Duration = Duration::from_millis(100);

/// A rule that is switched off and on, and the two contents that the file of rules has in turn.
pub struct Changes {
    rule: String,
    contents: [Vec<u8>; 2],
    files: [PathBuf; 2],
    changed: AtomicUsize,
    failed: AtomicUsize,
    looked: AtomicUsize,
}

impl Changes {
    /// Switches a rule off and on, for the first time.
    pub fn prepare(firewall: &Firewall, name: &str) -> Self {
        let rules = firewall.ask(&["rules", "list"]).unwrap();
        let mut rules = rules.as_array().unwrap().iter();
        let rule = rules.find(|rule| rule["name"] == name).unwrap();
        let rule = rule["id"].as_str().unwrap().to_owned();
        // The host sees a machine's files below its process 1.
        let root = format!("/proc/{}/root", firewall.sandbox().leader());
        let files = [RULES, LAST_GOOD].map(|path| PathBuf::from(format!("{root}{path}")));
        let contents = ["disable", "enable"].map(|change| {
            firewall.ask(&["rules", change, &rule]).unwrap();
            std::fs::read(&files[0]).unwrap()
        });
        assert_ne!(contents[0], contents[1]);
        Self {
            rule,
            contents,
            files,
            changed: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
            looked: AtomicUsize::new(0),
        }
    }

    /// Changes the rules, and looks at the files, all the time that something else goes on.
    pub fn while_changing(&self, sandbox: &Sandbox, act: impl FnOnce()) {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let changing = scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    self.change(sandbox);
                }
            });
            let looking = scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    self.look();
                    thread::sleep(LOOK);
                }
            });
            // Also when it panics, or nobody would end the threads.
            let end = End(&over);
            act();
            drop(end);
            changing.join().unwrap();
            looking.join().unwrap();
        });
    }

    /// Which of the two contents a file has.
    fn version(&self, file: usize) -> usize {
        let content = std::fs::read(&self.files[file]).unwrap();
        let known = self.contents.iter().position(|it| *it == content);
        assert!(
            known.is_some(),
            "{} has neither content:\n{}",
            self.files[file].display(),
            String::from_utf8_lossy(&content)
        );
        known.unwrap()
    }

    fn look(&self) {
        for file in [0, 1] {
            self.version(file);
        }
        self.looked.fetch_add(1, Ordering::Relaxed);
    }

    /// Switches the rule over. What the helper says is done is done; when it did not live to say
    /// anything, it may be.
    fn change(&self, sandbox: &Sandbox) {
        let wanted = 1 - self.version(0);
        let change = ["disable", "enable"][wanted];
        let command = ["bastionctl", "--json", "rules", change, &self.rule];
        let done = sandbox.output(As::Root, &command).unwrap();
        if done.success() {
            assert_eq!(self.version(0), wanted, "{change} is not done");
            self.changed.fetch_add(1, Ordering::Relaxed);
        } else {
            self.failed.fetch_add(1, Ordering::Relaxed);
            thread::sleep(RETRY);
        }
    }

    /// How much was done.
    pub fn summary(&self) -> String {
        let [changed, failed, looked] = [&self.changed, &self.failed, &self.looked]
            .map(|counter| counter.load(Ordering::Relaxed));
        format!(
            "{changed} changes of a rule, {failed} that no helper answered; {looked} looks at the files"
        )
    }

    /// Checks that a change was made, and what is left of them: two files that say the same.
    pub fn check(&self) {
        assert!(self.changed.load(Ordering::Relaxed) > 0);
        assert_eq!(self.version(0), self.version(1));
    }
}

struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
