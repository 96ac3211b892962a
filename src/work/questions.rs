//! Questions of targets' logins, on their way to whoever sits at a door: one at a time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::{oneshot, watch};
use zeroize::Zeroizing;

use crate::model::question::Question;
use crate::seal::secret::Secret;
use crate::target::Asker;
use crate::work::session::Session;

/// An open question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    /// Which one; answers name it.
    pub id: u64,
    /// What is asked.
    pub question: Question,
}

/// Where questions wait for an answer. Cheap to clone.
#[derive(Clone)]
pub struct Board(Arc<Inner>);

struct Inner {
    /// Whoever holds it is being asked.
    turn: tokio::sync::Mutex<u64>,
    open: watch::Sender<Option<Asking>>,
    answer: Mutex<Option<(u64, oneshot::Sender<Option<Secret>>)>>,
    attended: AtomicBool,
}

impl Default for Board {
    fn default() -> Self {
        let inner = Inner {
            turn: tokio::sync::Mutex::new(0),
            open: watch::Sender::new(None),
            answer: Mutex::default(),
            attended: AtomicBool::new(false),
        };
        Self(Arc::new(inner))
    }
}

impl Board {
    /// Follows the open question, and says by that somebody is there to answer it from now on.
    pub fn attend(&self) -> watch::Receiver<Option<Asking>> {
        self.0.attended.store(true, Ordering::Release);
        self.0.open.subscribe()
    }

    /// Answers the question of that number; `None` declines it. For a host key any answer is a yes.
    /// A question that is not open any more needs no answer.
    pub fn answer(&self, id: u64, answer: Option<Secret>) {
        let mut waiting = self.0.answer.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.as_ref().is_some_and(|(open, _)| *open == id)
            && let Some((_, sender)) = waiting.take()
        {
            let _ = sender.send(answer);
        }
    }
}

#[async_trait]
impl Asker for Board {
    fn is_there(&self) -> bool {
        self.0.attended.load(Ordering::Acquire)
    }

    async fn ask(&self, question: Question) -> Option<Zeroizing<Vec<u8>>> {
        let mut turn = self.0.turn.lock().await;
        *turn += 1;
        let (sender, answer) = oneshot::channel();
        *self.0.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some((*turn, sender));
        self.0.open.send_replace(Some(Asking { id: *turn, question }));
        let _open = Open(&self.0.open);
        let answer = answer.await.ok().flatten()?;
        Some(Zeroizing::new(answer.expose().to_vec()))
    }
}

/// Takes the question off the board, however it ends.
struct Open<'a>(&'a watch::Sender<Option<Asking>>);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.send_replace(None);
    }
}

impl Session {
    /// Follows what targets' logins ask; see [`Board::attend`]. Call it before the first listing.
    pub fn attend(&self) -> watch::Receiver<Option<Asking>> {
        self.0.questions.attend()
    }

    /// Answers such a question, or declines it.
    pub fn answer(&self, id: u64, answer: Option<Secret>) {
        self.touch();
        self.0.questions.answer(id, answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::foreign::Foreign;
    use crate::model::question::Asks;
    use crate::model::target::TargetName;

    fn question(prompt: &str) -> Question {
        let target = TargetName::new("vault").unwrap();
        Question { target, asks: Asks::Secret { prompt: Foreign::from(prompt) }, again: false }
    }

    async fn next(questions: &mut watch::Receiver<Option<Asking>>) -> Asking {
        questions.wait_for(Option::is_some).await.unwrap().clone().unwrap()
    }

    #[tokio::test]
    async fn one_question_is_open_at_a_time_and_each_gets_its_own_answer() {
        let board = Board::default();
        assert!(!board.is_there());
        let mut questions = board.attend();
        assert!(board.is_there());
        let ask = |prompt: &'static str| {
            let board = board.clone();
            tokio::spawn(async move { board.ask(question(prompt)).await.map(|answer| answer.to_vec()) })
        };
        let first = ask("first");
        let asking = next(&mut questions).await;
        let second = ask("second");
        board.answer(asking.id + 1, Some(Secret::new(b"too early".to_vec())));
        board.answer(asking.id, Some(Secret::new(b"one".to_vec())));
        assert_eq!(first.await.unwrap(), Some(b"one".to_vec()));
        let later = questions.wait_for(|asking| asking.as_ref().is_some_and(|now| now.id > 1)).await.unwrap().clone();
        board.answer(later.unwrap().id, None);
        assert_eq!(second.await.unwrap(), None);
        assert_eq!(questions.wait_for(Option::is_none).await.unwrap().clone(), None);
    }

    #[tokio::test]
    async fn a_question_that_nobody_waits_for_any_more_is_taken_back() {
        let board = Board::default();
        let mut questions = board.attend();
        let asked = board.clone();
        let task = tokio::spawn(async move { asked.ask(question("gone")).await.is_some() });
        let id = next(&mut questions).await.id;
        task.abort();
        questions.wait_for(Option::is_none).await.unwrap();
        board.answer(id, None); // comes to nothing
    }
}
