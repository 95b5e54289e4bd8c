//! Whose search of the log is next. There is one reader, and a search may take seconds, so users
//! take turns: however many searches one user has waiting, another's waits for one of them at most.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

/// See the module's documentation. How many wait is bounded by the calls a user may have under way.
#[derive(Debug, Default)]
pub(super) struct Turns {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    taken: bool,
    /// By user, who is next first.
    waiting: VecDeque<(u32, VecDeque<oneshot::Sender<Turn>>)>,
}

/// The turn of a user; dropping it gives it to the next one.
#[derive(Debug)]
pub(super) struct Turn {
    uid: u32,
    state: Arc<Mutex<State>>,
}

impl Turns {
    /// Waits for a turn of this user. None comes if the helper is ending.
    pub(super) async fn wait(&self, uid: u32) -> Option<Turn> {
        let told = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if !std::mem::replace(&mut state.taken, true) {
                let state = Arc::clone(&self.state);
                return Some(Turn { uid, state });
            }
            state.queue(uid)
        };
        told.await.ok()
    }
}

impl State {
    fn queue(&mut self, uid: u32) -> oneshot::Receiver<Turn> {
        let (tell, told) = oneshot::channel();
        match self.waiting.iter_mut().find(|(user, _)| *user == uid) {
            Some((_, own)) => own.push_back(tell),
            None => self.waiting.push_back((uid, [tell].into())),
        }
        told
    }

    /// Who is next after a turn of this user, who goes behind all others.
    fn next(&mut self, uid: u32) -> Option<(u32, oneshot::Sender<Turn>)> {
        let own = self.waiting.iter().position(|(user, _)| *user == uid);
        if let Some(own) = own.and_then(|at| self.waiting.remove(at)) {
            self.waiting.push_back(own);
        }
        let (user, calls) = self.waiting.front_mut()?;
        let next = calls.pop_front().map(|tell| (*user, tell));
        if calls.is_empty() {
            self.waiting.pop_front();
        }
        next
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let next = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let next = state.next(self.uid);
            state.taken = next.is_some();
            next
        };
        if let Some((uid, tell)) = next {
            let state = Arc::clone(&self.state);
            // If the call is gone, its turn comes back, is dropped, and goes on to the next one.
            drop(tell.send(Turn { uid, state }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    const ALICE: u32 = 1000;
    const BOB: u32 = 1001;

    #[test]
    fn users_take_turns_however_many_searches_one_has() {
        let turns = Turns::default();
        let mut running = turns.wait(ALICE).now_or_never().unwrap();
        let waits = [ALICE, ALICE, ALICE, BOB, BOB].map(|uid| Box::pin(turns.wait(uid)));
        let mut waiting: Vec<_> = waits.into_iter().collect();
        let mut order = Vec::new();
        while !waiting.is_empty() {
            // Each takes its place in the queue, or its turn.
            for wait in &mut waiting {
                assert!(wait.now_or_never().is_none(), "one at a time");
            }
            drop(running.take());
            let mut places = (0..).zip(&mut waiting);
            let ready = places.find_map(|(at, wait)| Some((at, wait.now_or_never()?)));
            let (at, turn) = ready.unwrap();
            drop(waiting.remove(at));
            order.push(turn.as_ref().unwrap().uid);
            running = turn;
        }
        assert_eq!(order, [BOB, ALICE, BOB, ALICE, ALICE]);
        drop(running);
        assert!(!turns.state.lock().unwrap().taken);
    }

    #[test]
    fn who_is_gone_holds_up_nobody() {
        let turns = Turns::default();
        let running = turns.wait(ALICE).now_or_never().unwrap();
        let mut waiting = [ALICE, BOB, BOB, BOB].map(|uid| Box::pin(turns.wait(uid)));
        for wait in &mut waiting {
            assert!(wait.now_or_never().is_none());
        }
        let [first, gone, told, last] = waiting;
        drop(gone);
        drop(running);
        // It has been given the turn, and never takes it.
        drop(told);
        assert!(first.now_or_never().is_some());
        assert!(last.now_or_never().is_some());
        assert!(!turns.state.lock().unwrap().taken, "nothing is kept");
    }
}
