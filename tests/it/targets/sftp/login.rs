//! The way in: host keys, keys, passphrases, jump hosts, and everything that may answer instead.

use std::collections::VecDeque;
use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use breakglass::model::foreign::Foreign;
use breakglass::model::question::{Asks, Question};
use breakglass::report::Reportable;
use breakglass::target::{Asker, Patience, Ssh, Store, StoreError, open_asking};
use zeroize::Zeroizing;

use super::{code, hasty, listing, only_object, read_all, store, with};
use crate::support::sftp::{Vault, target_of, vault};

/// Answers in the order of the script, and remembers what was asked.
#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<Option<&'static str>>>,
    asked: Mutex<Vec<Question>>,
}

impl Script {
    fn new(answers: &[Option<&'static str>]) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.iter().copied().collect()), asked: Mutex::default() })
    }

    fn asked(&self) -> Vec<Question> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl Asker for Script {
    fn is_there(&self) -> bool {
        true
    }

    async fn ask(&self, question: Question) -> Option<Zeroizing<Vec<u8>>> {
        self.asked.lock().unwrap().push(question);
        let answer = self.answers.lock().unwrap().pop_front().expect("nothing more was to be asked");
        answer.map(|text| Zeroizing::new(text.as_bytes().to_vec()))
    }
}

fn asking(vault: &Vault, script: &Arc<Script>) -> Arc<dyn Store> {
    with(vault, hasty(), Ssh { asker: Some(script.clone()), ..vault.ssh() })
}

/// `UserKnownHostsFile` of the test's own, with nothing in it.
fn knows_nobody(vault: &Vault) -> String {
    format!("UserKnownHostsFile {}", vault.home().join("known_hosts").display())
}

fn fingerprint(vault: &Vault, key: &str) -> String {
    let said = Command::new("ssh-keygen").arg("-lf").arg(vault.of_server(key)).output().unwrap();
    String::from_utf8(said.stdout).unwrap().split(' ').nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn an_unknown_host_is_an_error_where_nobody_can_be_asked() {
    let Some(vault) = vault() else { return };
    vault.configure(&knows_nobody(&vault));
    let error = listing(&store(&vault)).await.unwrap_err();
    assert_eq!(code(&error), "target::host_key_unknown", "{error}");
    assert!(error.to_string().contains("the server") && error.report().advice.contains("fingerprint"), "{error}");
    assert!(vault.sessions().is_empty(), "nothing was said to an unknown host");
}

#[tokio::test]
async fn an_unknown_host_shows_its_fingerprint_and_is_known_after_a_yes() {
    let Some(vault) = vault() else { return };
    vault.put("a", b"x");
    vault.configure(&knows_nobody(&vault));
    let script = Script::new(&[Some("")]);
    let store_asking = asking(&vault, &script);
    assert_eq!(read_all(&store_asking, &only_object(&store_asking).await, 0).await, (b"x".to_vec(), None));
    let asked = script.asked();
    let [Question { target, asks: Asks::HostKey { fingerprint: shown, host, kind }, again: false }] = &asked[..] else {
        panic!("{asked:?}")
    };
    assert_eq!((target.as_str(), shown, kind.as_str()), ("vault", &fingerprint(&vault, "host.pub"), "ED25519"));
    assert!(host.to_string().contains("127.0.0.1"), "{host}");
    only_object(&store(&vault)).await; // now without anybody to ask
}

#[tokio::test]
async fn a_no_is_remembered_until_the_target_is_listed_anew() {
    let Some(vault) = vault() else { return };
    vault.configure(&knows_nobody(&vault));
    let script = Script::new(&[None, None]);
    let store = asking(&vault, &script);
    for _ in 0..2 {
        let error = listing(&store).await.unwrap_err();
        assert_eq!(code(&error), "target::declined", "{error}");
        assert!(error.to_string().contains(&fingerprint(&vault, "host.pub")), "{error}");
        let error = store.stat(&Foreign::from("a"), None).await.unwrap_err();
        assert_eq!(code(&error), "target::declined");
    }
    assert_eq!(script.asked().len(), 2);
    assert!(!vault.home().join("known_hosts").exists());
}

#[tokio::test]
async fn a_changed_host_key_is_refused_and_never_asked_about() {
    let Some(vault) = vault() else { return };
    vault.configure(&format!("UserKnownHostsFile {}", vault.of_server("known_hosts_wrong").display()));
    let script = Script::new(&[]);
    for store in [store(&vault), asking(&vault, &script)] {
        let error = listing(&store).await.unwrap_err();
        assert_eq!(code(&error), "target::host_key_changed", "{error}");
        let text = error.to_string();
        assert!(text.contains(&fingerprint(&vault, "host.pub")) && text.contains("known_hosts_wrong"), "{text}");
    }
    assert_eq!((script.asked(), vault.sessions()), (vec![], vec![]));
}

#[tokio::test]
async fn a_revoked_host_key_is_refused() {
    let Some(vault) = vault() else { return };
    let key = fs::read_to_string(vault.of_server("host.pub")).unwrap();
    fs::write(vault.home().join("known_hosts"), format!("@revoked * {key}")).unwrap();
    vault.configure(&knows_nobody(&vault));
    let error = listing(&asking(&vault, &Script::new(&[]))).await.unwrap_err();
    assert_eq!(code(&error), "target::host_key_revoked", "{error}");
}

#[tokio::test]
async fn a_wrong_key_is_a_refused_login() {
    let Some(vault) = vault() else { return };
    vault.configure_as(&format!("IdentityFile {}", vault.of_server("id_stranger").display()), "");
    let error = listing(&store(&vault)).await.unwrap_err();
    assert_eq!(code(&error), "target::login_denied", "{error}");
    assert!(error.to_string().contains("Permission denied (publickey"), "{error}");

    // Somebody is there: then the password is asked for, again and again, and a wrong one stays wrong.
    let script = Script::new(&[Some("not it"), Some("nor this"), Some("\u{1b}[31m")]);
    let error = listing(&asking(&vault, &script)).await.unwrap_err();
    assert_eq!(code(&error), "target::login_denied", "{error}");
    let asked = script.asked();
    assert_eq!(asked.iter().map(|question| question.again).collect::<Vec<_>>(), [false, true, true]);
    let secret = |question: &Question| matches!(&question.asks, Asks::Secret { prompt } if prompt.to_string().contains("password"));
    assert!(asked.iter().all(secret), "{asked:?}");
}

fn locked_key_only(vault: &Vault) {
    vault
        .configure_as(&format!("IdentityFile {}", vault.of_server("id_locked").display()), "PasswordAuthentication no");
}

#[tokio::test]
async fn a_keys_passphrase_is_asked_for_and_asked_again_when_it_was_wrong() {
    let Some(vault) = vault() else { return };
    vault.put("a", b"x");
    locked_key_only(&vault);
    let error = listing(&store(&vault)).await.unwrap_err();
    assert_eq!(code(&error), "target::login_denied", "{error}");

    let script = Script::new(&[Some("wrong"), Some("sftp-key-pass")]);
    only_object(&asking(&vault, &script)).await;
    let asked = script.asked();
    assert_eq!(asked.iter().map(|question| question.again).collect::<Vec<_>>(), [false, true]);
    let Asks::Secret { prompt } = &asked[0].asks else { panic!("{asked:?}") };
    assert!(prompt.to_string().starts_with("Enter passphrase for key"), "{prompt}");
}

#[tokio::test]
async fn a_declined_passphrase_ends_the_login_at_once() {
    let Some(vault) = vault() else { return };
    locked_key_only(&vault);
    let script = Script::new(&[None]);
    let error = listing(&asking(&vault, &script)).await.unwrap_err();
    assert_eq!((code(&error).as_str(), script.asked().len()), ("target::declined", 1), "{error}");
}

#[tokio::test]
async fn many_first_requests_at_once_ask_once() {
    let Some(vault) = vault() else { return };
    for key in ["a", "b", "c", "d", "e", "f"] {
        vault.put(key, b"x");
    }
    locked_key_only(&vault);
    let script = Script::new(&[Some("sftp-key-pass")]);
    let store = asking(&vault, &script);
    let names = ["a", "b", "c", "d", "e", "f"].map(Foreign::from);
    let stats = futures_util::future::join_all(names.iter().map(|name| store.stat(name, None))).await;
    assert!(stats.iter().all(Result::is_ok), "{stats:?}");
    assert_eq!((script.asked().len(), vault.sessions().len()), (1, 1));
}

#[tokio::test]
async fn a_dropped_listing_takes_its_question_back_and_ends_ssh() {
    struct Waits(tokio::sync::mpsc::Sender<()>, tokio::sync::mpsc::Sender<()>);
    #[async_trait]
    impl Asker for Waits {
        fn is_there(&self) -> bool {
            true
        }
        async fn ask(&self, _question: Question) -> Option<Zeroizing<Vec<u8>>> {
            let _gone = self.1.clone();
            let _ = self.0.send(()).await;
            std::future::pending().await
        }
    }
    let Some(vault) = vault() else { return };
    locked_key_only(&vault);
    let (asked, mut is_asked) = tokio::sync::mpsc::channel(1);
    let (gone, mut is_gone) = tokio::sync::mpsc::channel(1);
    let store = with(&vault, hasty(), Ssh { asker: Some(Arc::new(Waits(asked, gone))), ..vault.ssh() });
    let listed = tokio::spawn(async move { listing(&store).await });
    is_asked.recv().await.unwrap();
    listed.abort();
    assert!(listed.await.unwrap_err().is_cancelled());
    assert_eq!(is_gone.recv().await, None, "the question is gone with its asker");
}

#[tokio::test]
async fn a_jump_host_is_passed_through_and_its_unknown_key_is_called_its_own() {
    let Some(vault) = vault() else { return };
    vault.put("a", b"x");
    let jump = "Host vault\n  ProxyJump jump\nHost *";
    vault.configure(jump);
    assert_eq!(only_object(&store(&vault)).await.key, Foreign::from("a"));

    let wrong = format!("Host jump\n  {}\n{jump}", knows_nobody(&vault));
    vault.configure(&wrong);
    let error = listing(&store(&vault)).await.unwrap_err();
    assert_eq!(code(&error), "target::host_key_unknown", "{error}");
    assert!(error.to_string().contains("of a jump host"), "{error}");

    let script = Script::new(&[Some("yes")]);
    only_object(&asking(&vault, &script)).await;
    let asked = script.asked();
    let [Question { asks: Asks::HostKey { fingerprint: shown, .. }, .. }] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!(*shown, fingerprint(&vault, "jump.pub"));
}

/// An agent of the test's own; it ends with the test.
struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn keys_of_an_agent_open_the_way() {
    let Some(vault) = vault() else { return };
    vault.put("a", b"x");
    let socket = vault.home().join("agent");
    let agent = Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().unwrap();
    let _agent = Agent(agent);
    let added =
        |()| Command::new("ssh-add").arg("-q").arg(vault.of_server("id_plain")).env("SSH_AUTH_SOCK", &socket).output();
    while !added(()).is_ok_and(|done| done.status.success()) {
        tokio::task::yield_now().await; // until it listens
    }
    vault.configure_as("IdentityFile none", &format!("IdentityAgent {}\nIdentitiesOnly no", socket.display()));
    assert_eq!(only_object(&store(&vault)).await.key, Foreign::from("a"));
}

#[tokio::test]
async fn settings_that_would_harm_a_session_are_overruled() {
    let Some(vault) = vault() else { return };
    vault.put("a", b"x");
    vault.configure(
        "RequestTTY force\nRemoteCommand touch /tmp/never\nLogLevel QUIET\nForwardAgent yes\nStrictHostKeyChecking \
         no\nPermitLocalCommand yes\nLocalCommand false",
    );
    assert_eq!(only_object(&store(&vault)).await.key, Foreign::from("a"));
    vault.configure(&format!("LogLevel QUIET\nStrictHostKeyChecking no\n{}", knows_nobody(&vault)));
    assert_eq!(code(&listing(&store(&vault)).await.unwrap_err()), "target::host_key_unknown");
}

async fn first_error(vault: &Vault, ssh: Ssh, port: u16) -> StoreError {
    let mut location = vault.location();
    location.port = Some(port);
    let patience = Patience { connect: Duration::from_secs(1), tries: 1, ..hasty() };
    open_asking(&target_of(location), None, (patience, ssh)).unwrap().probe().await.unwrap_err()
}

#[tokio::test]
async fn whatever_else_answers_or_does_not_has_its_own_words() {
    let Some(vault) = vault() else { return };
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = first_error(&vault, vault.ssh(), closed).await;
    assert_eq!(code(&error), "target::unreachable", "{error}");

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let error = first_error(&vault, vault.ssh(), silent.local_addr().unwrap().port()).await;
    assert_eq!(code(&error), "target::unreachable", "{error}");

    let web = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = web.local_addr().unwrap().port();
    let server = std::thread::spawn(move || drop(web.accept().unwrap()));
    let error = first_error(&vault, vault.ssh(), port).await;
    assert_eq!(code(&error), "target::not_ssh", "{error}");
    server.join().unwrap();

    let error = first_error(&vault, vault.ssh(), vault.port() + 1).await;
    assert_eq!(code(&error), "target::no_sftp", "{error}");

    let missing = Ssh { program: vault.home().join("nowhere").into(), ..vault.ssh() };
    let error = first_error(&vault, missing, vault.port()).await;
    assert_eq!(code(&error), "target::no_ssh", "{error}");
    assert!(error.report().advice.contains("openssh-client"));

    vault.configure("Frobnicate yes");
    let error = first_error(&vault, vault.ssh(), vault.port()).await;
    assert_eq!(code(&error), "target::ssh_failed", "{error}");
    assert!(error.to_string().contains("configuration option"), "{error}");
}
