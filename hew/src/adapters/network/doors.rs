//! The ways out of a program's network, each with a thread that waits for who comes.

use std::collections::BTreeSet;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use hew_core::plan::Network;
use hew_core::settings::Target;

use super::{proxy, tunnel};

/// Most connections at a time.
const MOST_OPEN: usize = 128;
/// Most refused places that are told, and the word for all others.
const MOST_TOLD: usize = 16;
const OTHERS: &str = "others";
/// How long to wait where no connection can be taken for want of something.
const PAUSE: Duration = Duration::from_millis(100);

/// The ways out of one program's network.
#[derive(Debug)]
pub(crate) struct Doors {
    network: Network,
    proxy: TcpListener,
    direct: Vec<(TcpListener, Target)>,
}

impl Doors {
    /// `listeners` are what the stage listens on: the proxy's, then those of places on this machine.
    pub(crate) fn of(listeners: Vec<TcpListener>, network: &Network) -> io::Result<Self> {
        let mut listeners = listeners.into_iter();
        let proxy = listeners.next().ok_or_else(|| io::Error::other("nothing listens"))?;
        let places = network.doors();
        let mut direct = Vec::new();
        for listener in listeners {
            let place = places.get(&listener.local_addr()?);
            let place = place.ok_or_else(|| io::Error::other("a socket for no place"))?;
            direct.push((listener, (*place).clone()));
        }
        Ok(Self { network: network.clone(), proxy, direct })
    }

    /// Lets through from now on, until this process ends. `tell` is told of what is not, each place once.
    pub(crate) fn open(self, tell: impl Fn(String) + Send + Sync + 'static) -> io::Result<()> {
        let guard = Arc::new(Guard {
            network: self.network,
            open: AtomicUsize::new(0),
            told: Mutex::default(),
            tell: Box::new(tell),
        });
        for (listener, target) in self.direct {
            wait(Arc::clone(&guard), listener, move |_, inside| {
                tunnel::connect(&target).and_then(|outside| tunnel::carry(inside, &outside))
            })?;
        }
        wait(guard, self.proxy, |guard, inside| {
            proxy::serve(inside, &guard.network, &|target| guard.refuse(target))
        })
    }
}

/// What all doors share.
struct Guard {
    network: Network,
    open: AtomicUsize,
    told: Mutex<BTreeSet<String>>,
    tell: Box<dyn Fn(String) + Send + Sync>,
}

impl Guard {
    fn refuse(&self, target: &Target) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let word = if told.len() < MOST_TOLD { target.to_string() } else { OTHERS.to_owned() };
        if !told.contains(&target.to_string()) && told.insert(word.clone()) {
            (self.tell)(word);
        }
    }
}

/// One of the connections that are open, until it is dropped.
struct Place(Arc<Guard>);

impl Place {
    fn take(guard: &Arc<Guard>) -> Option<Self> {
        let place = Self(Arc::clone(guard));
        (guard.open.fetch_add(1, Ordering::Relaxed) < MOST_OPEN).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A thread that waits, and one for each who comes.
fn wait(
    guard: Arc<Guard>,
    listener: TcpListener,
    serve: impl Fn(&Guard, &TcpStream) -> io::Result<()> + Send + Sync + 'static,
) -> io::Result<()> {
    let serve = Arc::new(serve);
    thread::Builder::new().spawn(move || {
        loop {
            let Ok((inside, _)) = listener.accept() else {
                thread::sleep(PAUSE);
                continue;
            };
            // Who is lost in the middle, or finds no room for a thread, sees its connection close.
            let Some(place) = Place::take(&guard) else {
                let _ = proxy::turn_away(&inside);
                continue;
            };
            let (serve, guard) = (Arc::clone(&serve), Arc::clone(&guard));
            let _ = thread::Builder::new().spawn(move || {
                let _place = place;
                serve(&guard, &inside)
            });
        }
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::SocketAddr;
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    /// A proxy that lets nothing through, and what it tells.
    fn shut() -> (SocketAddr, Receiver<String>) {
        let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = proxy.local_addr().unwrap();
        let (sender, told) = channel();
        let doors = Doors { network: Network::of([]), proxy, direct: Vec::new() };
        doors.open(move |place| sender.send(place).unwrap()).unwrap();
        (address, told)
    }

    fn ask(address: SocketAddr, text: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn each_refused_place_is_told_once_and_of_many_some() {
        let (address, told) = shut();
        for number in (0..MOST_TOLD + 4).flat_map(|number| [number, number]) {
            let answer = ask(address, &format!("CONNECT host{number}.invalid:1 HTTP/1.1\r\n\r\n"));
            assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
        }
        let told: Vec<String> = told.try_iter().collect();
        assert_eq!((told.len(), told[0].as_str()), (MOST_TOLD + 1, "host0.invalid:1"));
        assert_eq!(told[MOST_TOLD], OTHERS);
    }

    #[test]
    fn who_finds_too_many_before_it_is_turned_away() {
        let (address, _told) = shut();
        let idle: Vec<TcpStream> = (0..MOST_OPEN).map(|_| TcpStream::connect(address).unwrap()).collect();
        let answer = ask(address, "");
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        drop(idle);
    }
}
