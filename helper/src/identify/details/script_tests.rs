use super::*;
use proptest::prelude::*;

fn said(file_name: &str, words: &str) -> Option<String> {
    let arguments: Vec<String> = words.split(' ').map(Into::into).collect();
    of(file_name, &arguments, "/home/u").map(|script| match script {
        Script::File(path) => path,
        Script::Module(name) => format!("module {name}"),
    })
}

#[test]
fn scripts_are_found_behind_the_options_of_each_interpreter() {
    for (file, words, script) in [
        ("dash", "sh /usr/bin/which curl", "/usr/bin/which"),
        (
            "bash",
            "bash -x -o pipefail +O extglob ./run.sh a",
            "/home/u/run.sh",
        ),
        (
            "bash",
            "bash --norc --rcfile /etc/x -- up.sh -c",
            "/home/u/up.sh",
        ),
        ("bash", "-bash ../tool", "/home/tool"),
        ("busybox", "sh -e /init", "/init"),
        ("busybox", "busybox ash -e /init", "/init"),
        (
            "python3.13",
            "/usr/bin/python3 -I /usr/bin/foo -c x",
            "/usr/bin/foo",
        ),
        (
            "python3.13",
            "python3 -uW ignore -X dev a/../b.py",
            "/home/u/a/../b.py",
        ),
        ("python3.13", "python3 -Wignore b.py", "/home/u/b.py"),
        (
            "python3.13",
            "python3 -m http.server 8000",
            "module http.server",
        ),
        (
            "python3.13",
            "python3 -Em http.server",
            "module http.server",
        ),
        ("python3.13", "python3 -mhttp.server", "module http.server"),
        (
            "perl",
            "perl -w -I lib -Ilib2 -MFoo::Bar -i.bak t.pl",
            "/home/u/t.pl",
        ),
        ("perl5.40.1", "perl -T -x/dir /usr/bin/ack", "/usr/bin/ack"),
        ("ruby3.3", "ruby -W2 -r json -C /tmp a.rb", "/home/u/a.rb"),
        (
            "node",
            "node --inspect --require x -r y /opt/a/cli.js --eval",
            "/opt/a/cli.js",
        ),
        (
            "java",
            "java -Xmx1g -cp a.jar:b.jar -Dx=y org.example.Main -jar z",
            "module org.example.Main",
        ),
        (
            "java",
            "java -Xmx1g -ea -jar /opt/t/tool.jar",
            "/opt/t/tool.jar",
        ),
        ("java", "java -p mods -m a.b/c.D", "module a.b/c.D"),
        ("java", "java --module-path=mods --module=a.b", "module a.b"),
        ("php8.4", "php -d x=y -f a.php b", "/home/u/a.php"),
        ("lua5.4", "lua -e x=1 -l lib a.lua", "/home/u/a.lua"),
        ("tclsh8.6", "tclsh -encoding utf-8 a.tcl", "/home/u/a.tcl"),
        (
            "gjs-console",
            "gjs -m /usr/share/x/main.js",
            "/usr/share/x/main.js",
        ),
        ("gawk", "awk -F : -f a.awk /etc/passwd", "/home/u/a.awk"),
        ("mono-sgen", "/usr/bin/mono --debug a.exe", "/home/u/a.exe"),
        ("fish", "fish -C true --no-config a.fish", "/home/u/a.fish"),
    ] {
        assert_eq!(said(file, words).as_deref(), Some(script), "{words}");
    }
}

#[test]
fn without_a_script_none_is_named() {
    for (file, words) in [
        ("bash", "-bash"),
        ("bash", "bash -lc /usr/bin/x"),
        ("bash", "bash -s /usr/bin/x"),
        ("python3.13", "python3 -c code /usr/bin/x"),
        ("python3.13", "python3 -Ic code /usr/bin/x"),
        ("python3.13", "python3 - /usr/bin/x"),
        ("python3.13", "python3 -W"),
        ("python3.13", "python3 --"),
        ("python3.13", "python3 -m"),
        ("python3.13", "python3 -B …"),
        ("perl", "perl -wne code /usr/bin/x"),
        ("ruby3.3", "ruby -e code /usr/bin/x"),
        ("node", "node --eval=code /usr/bin/x"),
        ("java", "java -jar"),
        ("php8.4", "php -r code /usr/bin/x"),
        ("gawk", "awk {print} /etc/passwd"),
        ("busybox", "wget http://x"),
        ("busybox", "busybox"),
        // No interpreters, whatever they say.
        ("curl", "python3 /usr/bin/foo"),
        ("pythonic", "python3 /usr/bin/foo"),
        ("shutdown", "sh /usr/bin/foo"),
    ] {
        assert_eq!(said(file, words), None, "{words}");
    }
    assert_eq!(of("bash", &[], "/"), None);
}

#[test]
fn relative_paths_start_where_the_program_is() {
    for (path, directory, expected) in [
        ("x", "/", "/x"),
        ("./x", "/a/b", "/a/b/x"),
        (".//./../../../x", "/a/b", "/x"),
        ("x", "", "x"),
        ("/x", "/a", "/x"),
    ] {
        assert_eq!(absolute(path, directory), expected);
    }
}

proptest! {
    #[test]
    fn any_arguments_are_survived(
        name in "(sh|python3|perl|java|php|gawk|busybox|node|.{0,4})",
        arguments in prop::collection::vec("(-{0,2}|\\+)[a-zA-Z]{0,3}=?.{0,3}|…", 0..8),
        directory in "(/[a-z.]{0,3}){0,3}",
    ) {
        let given: usize = arguments.iter().map(String::len).sum();
        if let Some(script) = of(&name, &arguments, &directory) {
            // Nothing but what the program said.
            prop_assert!(script.to_string().len() <= given + directory.len() + 1);
        }
    }
}
