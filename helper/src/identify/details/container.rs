//! The container a process runs in.
//!
//! A container is a process in namespaces of its own whose cgroup a container manager named. The
//! name alone would be no sign: some managers keep helpers of their own in such cgroups. Nor are
//! both together a proof, as any user can make the one and the other; this is for display.

use std::fmt;

use super::unit;

/// Ids of containers have 64 hexadecimal digits; people see and use the first 12.
const SHOWN: usize = 12;
/// Most characters of a container's name.
const LONGEST_NAME: usize = 64;

/// A container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// What runs it, such as `docker`.
    pub manager: &'static str,
    /// Its name, or the beginning of its id; printable ASCII.
    pub name: String,
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.manager, self.name)
    }
}

/// The container that a cgroup with this path, escaped as in
/// [`Process::cgroup`](bastion_policy::process::Process::cgroup), is named after; of several
/// within one another the innermost.
pub(super) fn named(cgroup: &str) -> Option<Container> {
    let mut found = None;
    let mut above = String::new();
    for part in unit::parts(cgroup) {
        found = by_scope(&part)
            .or_else(|| by_place(&above, &part))
            .or(found);
        above = part;
    }
    found
}

/// Managers that give each container a scope: `PREFIX` and the id.
const SCOPES: [(&str, &str); 4] = [
    ("docker-", "docker"),
    ("libpod-", "podman"),
    ("cri-containerd-", "containerd"),
    ("crio-", "cri-o"),
];

fn by_scope(part: &str) -> Option<Container> {
    if let Some(name) = part.strip_prefix("lxc.payload.") {
        return container("lxc", name);
    }
    if let Some(name) = part.strip_prefix("systemd-nspawn@") {
        return container("systemd-nspawn", name.strip_suffix(".service")?);
    }
    let scope = part.strip_suffix(".scope")?;
    // Virtual machines have such scopes too, but no namespaces of their own.
    if let Some(name) = scope.strip_prefix("machine-") {
        return container("machine", name);
    }
    let (id, manager) = SCOPES
        .iter()
        .find_map(|(prefix, manager)| Some((scope.strip_prefix(prefix)?, *manager)))?;
    by_id(manager, id)
}

/// Managers that make a directory of their own instead.
fn by_place(above: &str, part: &str) -> Option<Container> {
    match above {
        "docker" => by_id("docker", part),
        "libpod_parent" => by_id("podman", part.strip_prefix("libpod-")?),
        "lxc" => container("lxc", part),
        // Kubernetes: kubepods/besteffort/podUID/ID.
        _ if above.starts_with("pod") => by_id("kubernetes", part),
        _ => None,
    }
}

fn by_id(manager: &'static str, id: &str) -> Option<Container> {
    let is_id = id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit());
    container(manager, id.get(..SHOWN).filter(|_| is_id)?)
}

fn container(manager: &'static str, name: &str) -> Option<Container> {
    let name = name.replace("\\x2d", "-");
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let is_name = (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(fits);
    is_name.then_some(Container { manager, name })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bastion_policy::escape;
    use proptest::prelude::*;

    const ID: &str = "3a1f00c2d4e5f60718293a4b5c6d7e8f3a1f00c2d4e5f60718293a4b5c6d7e8f";

    fn text(path: &str) -> Option<String> {
        named(&escape::printable(path)).map(|container| container.to_string())
    }

    #[test]
    fn each_managers_containers_are_known() {
        for (path, expected) in [
            (
                format!("/system.slice/docker-{ID}.scope"),
                "docker 3a1f00c2d4e5",
            ),
            (format!("/docker/{ID}"), "docker 3a1f00c2d4e5"),
            (
                format!("/machine.slice/libpod-{ID}.scope/container"),
                "podman 3a1f00c2d4e5",
            ),
            (
                format!(
                    "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope/container"
                ),
                "podman 3a1f00c2d4e5",
            ),
            (format!("/libpod_parent/libpod-{ID}"), "podman 3a1f00c2d4e5"),
            (
                format!("/kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope"),
                "containerd 3a1f00c2d4e5",
            ),
            (
                format!("/kubepods/besteffort/pod12-34/{ID}"),
                "kubernetes 3a1f00c2d4e5",
            ),
            (
                format!("/kubepods.slice/kubepods-pod1.slice/crio-{ID}.scope"),
                "cri-o 3a1f00c2d4e5",
            ),
            (
                "/lxc.payload.web-1/system.slice/a.service".into(),
                "lxc web-1",
            ),
            ("/lxc/web".into(), "lxc web"),
            (
                "/machine.slice/systemd-nspawn@tri\\x2dxie.service/payload".into(),
                "systemd-nspawn tri-xie",
            ),
            (
                "/machine.slice/machine-trixie.scope/payload/init.scope".into(),
                "machine trixie",
            ),
        ] {
            assert_eq!(text(&path).as_deref(), Some(expected), "{path}");
        }
    }

    #[test]
    fn the_innermost_container_counts() {
        let path = format!("/machine.slice/machine-host.scope/payload/docker/{ID}");
        assert_eq!(text(&path).as_deref(), Some("docker 3a1f00c2d4e5"));
    }

    #[test]
    fn what_only_looks_similar_is_none() {
        for path in [
            String::new(),
            "/system.slice/docker.service".into(),
            format!("/machine.slice/libpod-conmon-{ID}.scope"),
            format!("/system.slice/docker-{}.scope", &ID[1..]),
            "/docker/buildx".into(),
            "/lxc.payload.".into(),
            "/lxc/a b".into(),
            "/user.slice/user-1000.slice/session-2.scope".into(),
        ] {
            assert_eq!(text(&path), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_path_is_survived(path in "(/(docker|lxc|machine-.{0,9}.scope|[a-f0-9]{64}|.{0,6})){0,5}", bytes: Vec<u8>) {
            for text in [path.as_str(), &escape::bytes(&bytes)] {
                if let Some(container) = named(text) {
                    prop_assert!(escape::is_printable(&container.name));
                    prop_assert!(container.name.len() <= LONGEST_NAME);
                }
            }
        }
    }
}
