//! Connections that are open: as many as there are places, and one that says nothing makes room for one that comes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::limits::{Limits, network};

/// What a connection is at. In the order in which they make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Doing {
    /// No request has come, or only a part of its head.
    Nothing,
    /// A request's body is read.
    Reading,
    /// A request is being stored: this one stays.
    Storing,
}

struct Connection {
    client: IpAddr,
    doing: Doing,
    since: Instant,
    leave: CancellationToken,
}

#[derive(Default)]
struct Connections {
    next: u64,
    all: HashMap<u64, Connection>,
}

/// Every place.
#[derive(Default)]
pub(super) struct Seats(Mutex<Connections>);

/// One of them; given back when dropped.
pub(super) struct Seat {
    seats: Arc<Seats>,
    number: u64,
    /// Cancelled when somebody else needs the place more.
    pub leave: CancellationToken,
}

impl Seats {
    fn held(&self) -> MutexGuard<'_, Connections> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more connection. Where there is none, the one that has been quiet longest has to leave; `None`
    /// where all of them are at work. Programs of this machine all come from one address: what one client may have at
    /// most does not hold for them.
    pub fn enter(self: &Arc<Self>, client: IpAddr, limits: &Limits, now: Instant) -> Option<Seat> {
        let mut connections = self.held();
        let client = network(client);
        let his = connections.all.values().filter(|one| one.client == client).count();
        if his >= limits.connections_per_client && !client.is_loopback() {
            connections.make_room(Some(client))?;
        } else if connections.all.len() >= limits.connections {
            connections.make_room(None)?;
        }
        let (number, leave) = (connections.next, CancellationToken::new());
        connections.next += 1;
        let connection = Connection { client, doing: Doing::Nothing, since: now, leave: leave.clone() };
        connections.all.insert(number, connection);
        Some(Seat { seats: self.clone(), number, leave })
    }
}

impl Connections {
    /// Sends one away, of this client if one is named.
    fn make_room(&mut self, client: Option<IpAddr>) -> Option<()> {
        let fits = |one: &Connection| one.doing != Doing::Storing && client.is_none_or(|client| one.client == client);
        let found = self.all.iter().filter(|(_, one)| fits(one));
        let (&number, _) = found.min_by_key(|(number, one)| (one.doing, one.since, **number))?;
        self.all.remove(&number)?.leave.cancel();
        Some(())
    }
}

impl Seat {
    /// Notes what the connection is at from now on.
    pub fn turns_to(&self, doing: Doing, now: Instant) {
        if let Some(connection) = self.seats.held().all.get_mut(&self.number) {
            (connection.doing, connection.since) = (doing, now);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.held().all.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quietest_makes_room_and_one_at_work_does_not() {
        let limits = Limits { connections: 4, connections_per_client: 2, ..Limits::default() };
        let (seats, start) = (Arc::new(Seats::default()), Instant::now());
        let [here, far, other] = [[127, 0, 0, 1], [10, 0, 0, 7], [10, 0, 0, 8]].map(IpAddr::from);
        let enter = |client| seats.enter(client, &limits, start);
        let gone = |seat: &Seat| seat.leave.is_cancelled();
        let [first, second] = [enter(far).unwrap(), enter(far).unwrap()];
        let third = enter(far).unwrap();
        assert!(gone(&first) && !gone(&second) && !gone(&third), "his own oldest makes room");
        let [fourth, fifth] = [enter(here).unwrap(), enter(here).unwrap()];
        second.turns_to(Doing::Storing, start);
        third.turns_to(Doing::Reading, start);
        let sixth = enter(other).unwrap();
        assert!(gone(&fourth) && !gone(&third), "of all, one that does nothing");
        for seat in [&fifth, &sixth] {
            seat.turns_to(Doing::Storing, start);
        }
        let seventh = enter(here).unwrap();
        assert!(gone(&third), "then one that is still reading");
        seventh.turns_to(Doing::Storing, start);
        assert!(enter(here).is_none(), "nobody who stores");
        drop(seventh);
        assert!(enter(here).is_some());
        // Whoever has left holds no place of another.
        drop((first, third, fourth));
        assert_eq!(seats.held().all.len(), 3);
    }
}
