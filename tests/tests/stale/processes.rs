//! One process after the other, or one program after the other in the same process.

use std::process::Command;

use crate::scene::{HOST, PORT, Scene, assert_only, connections, last_word};

/// Times a program becomes the other one.
const EXECS: usize = 1_000;
/// Times a process dies and another one gets its number.
const DEATHS: usize = 300;
/// Times a process becomes another user's, and back.
const USERS: usize = 200;
/// Sockets that are left to another program.
const SOCKETS: usize = 100;

#[test]
fn a_program_that_becomes_another_one_takes_no_verdict_along() {
    let Some(mut scene) = Scene::set("becoming") else {
        return;
    };
    let allowed = scene.program("allowed", "allow");
    let denied = scene.program("denied", "deny");
    let left = EXECS.to_string();
    let arguments = [&left, "a", "0", "b", "0", &denied, HOST, PORT];
    let said = last_word(&mut scene.start(&allowed, "alternate", &arguments));
    let arrived = scene.arrivals();
    // Half of the turns were the allowed program's, each with one connection.
    assert_eq!(said["a"], EXECS / 2, "{said}");
    assert_eq!(said["b"], 0, "{said}");
    assert_eq!(connections(&arrived, 'a'), EXECS / 2);
    assert_only('a', &arrived);
}

#[test]
fn a_process_that_gets_anothers_number_does_not_get_its_verdict() {
    let Some(mut scene) = Scene::set("numbers") else {
        return;
    };
    let allowed = scene.program("allowed", "allow");
    let denied = scene.program("denied", "deny");
    let rounds = DEATHS.to_string();
    // A number of a process in a machine is one of the host's, too, and a new process of the same
    // number has to have both. So the program is left the host's /proc, as descriptor 9.
    let script = "exec nsenter --target \"$0\" --all \"$@\" 9</proc";
    let leader = scene.firewall.sandbox().leader().to_string();
    let arguments = [
        &leader,
        &allowed,
        "reincarnate",
        HOST,
        PORT,
        &allowed,
        &denied,
        HOST,
        PORT,
        &rounds,
    ];
    let done = Command::new("sh")
        .args(["-c", script])
        .args(arguments)
        .output();
    let done = done.unwrap();
    let printed = String::from_utf8_lossy(&done.stdout);
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );

    // Each number was announced twice in a row, first by the allowed program.
    let said: Vec<serde_json::Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let announced: Vec<_> = said.iter().filter(|it| it.get("pid").is_some()).collect();
    assert_eq!(announced.len(), 2 * DEATHS);
    for pair in announced.chunks(2) {
        assert_eq!(pair[0]["pid"], pair[1]["pid"]);
        assert_eq!(
            (&pair[0]["program"], &pair[1]["program"]),
            (&allowed.as_str().into(), &denied.as_str().into())
        );
    }
    let arrived = scene.arrivals();
    assert_eq!(connections(&arrived, 'a'), DEATHS);
    assert_only('a', &arrived);
}

#[test]
fn a_process_that_goes_on_as_another_user_takes_no_verdict_along() {
    let Some(mut scene) = Scene::set("users") else {
        return;
    };
    let program = scene.program_without_rule("program");
    let options = ["--name", "root alone", "--program", &program, "--user", "0"];
    scene.firewall.add_rule("allow", &options).unwrap();
    let rounds = USERS.to_string();
    let said = last_word(&mut scene.start(&program, "change-user", &[&rounds, "1001"]));
    let arrived = scene.arrivals();
    assert_eq!(said["a"], USERS, "{said}");
    assert_eq!(said["b"], 0, "{said}");
    assert_eq!(connections(&arrived, 'a'), USERS);
    assert_only('a', &arrived);
}

#[test]
fn a_socket_that_is_left_to_another_program_takes_no_verdict_along() {
    let Some(mut scene) = Scene::set("left") else {
        return;
    };
    let allowed = scene.program("allowed", "allow");
    let denied = scene.program("denied", "deny");
    let arguments = [&SOCKETS.to_string(), denied.as_str()];
    let said = last_word(&mut scene.start(&allowed, "leave-socket", &arguments));
    assert_eq!(said["sent"], SOCKETS, "{said}");
    let arrived = scene.arrivals();
    // Nobody answers, so connection tracking takes each datagram for the first.
    assert_eq!(arrived.len(), SOCKETS);
    assert_only('a', &arrived);
}
