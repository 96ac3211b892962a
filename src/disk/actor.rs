//! Who acts, as far as this machine knows.

use std::fs;

use crate::disk::environment::Environment;
use crate::model::audit::Actor;
use crate::model::foreign::escape;

/// What the kernel answers where nobody logged in (a daemon, cron without PAM).
const NOBODY_LOGGED_IN: u32 = u32::MAX;

/// The person behind this process, for audit records.
///
/// `user` and `login` come from the kernel and cannot be made up by the caller; `sudo_user` and
/// `ssh_from` are what the environment claims.
pub fn actor(env: &Environment) -> Actor {
    let login = fs::read_to_string("/proc/self/loginuid").ok().and_then(|text| text.trim().parse::<u32>().ok());
    let ssh = env.text("SSH_CONNECTION").or_else(|| env.text("SSH_CLIENT"));
    let from = |text: String| text.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    Actor {
        user: user_name(rustix::process::geteuid().as_raw()),
        login: login.filter(|uid| *uid != NOBODY_LOGGED_IN).map(user_name),
        sudo_user: env.text("SUDO_USER").map(|name| short(&name)),
        host: short(&rustix::system::uname().nodename().to_string_lossy()),
        ssh_from: ssh.map(from).map(|text| short(&text)),
        pid: std::process::id(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// The account's name in `/etc/passwd`; directory services are not asked, their users show by number.
fn user_name(uid: u32) -> String {
    let accounts = fs::read("/etc/passwd").unwrap_or_default();
    let accounts = String::from_utf8_lossy(&accounts);
    let name = accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, found) = (fields.next()?, fields.nth(1)?);
        (found.parse() == Ok(uid)).then(|| short(name))
    });
    name.unwrap_or_else(|| format!("uid {uid}"))
}

fn short(text: &str) -> String {
    escape(text.get(..text.floor_char_boundary(256)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_only_adds_what_the_kernel_does_not_know() {
        let env = Environment::of(&[
            ("SUDO_USER", "alice\x1b[31m"),
            ("SSH_CONNECTION", "192.0.2.7 50022 192.0.2.1 22"),
            ("USER", "mallory"),
        ]);
        let actor = actor(&env);
        assert_eq!(actor.sudo_user.as_deref(), Some("alice\\u{1b}[31m"));
        assert_eq!(actor.ssh_from.as_deref(), Some("192.0.2.7 50022"));
        assert!(!actor.user.is_empty() && actor.user != "mallory" && !actor.host.is_empty());
    }
}
