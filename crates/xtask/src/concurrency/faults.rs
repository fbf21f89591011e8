//! Faults that a model has to find: each was put in by hand once, and is what the code could easily be instead.

/// A change of the sources that makes them wrong.
pub(super) struct Fault {
    /// The test target of `crates/concurrency` that finds it.
    pub(super) test: &'static str,
    pub(super) file: &'static str,
    /// What stands there, once.
    pub(super) right: &'static str,
    /// What is put there instead.
    pub(super) wrong: &'static str,
    pub(super) about: &'static str,
}

pub(super) const FAULTS: [Fault; 13] = [
    Fault {
        test: "tokio",
        file: "crates/fullduplex-tokio/src/halves/shared.rs",
        right: r"                self.try_take()?
",
        wrong: r"                return None;
",
        about: "a half that finds the sending side taken does not try again after it has noted that it wants it",
    },
    Fault {
        test: "tokio",
        file: "crates/fullduplex-tokio/src/halves/shared.rs",
        right: r"        drop(taken);
        let other",
        wrong: "        let other",
        about: "a half looks whether the other one wants the sending side before it gives it back",
    },
    Fault {
        test: "tokio",
        file: "crates/fullduplex-tokio/src/halves/shared.rs",
        right: r"        self.sender.wake();
        self.receiver.wake();",
        wrong: "        self.sender.wake();",
        about: "room in the transport wakes the sender alone",
    },
    Fault {
        test: "tokio",
        file: "crates/fullduplex-tokio/src/halves.rs",
        right: r"        self.shared.register(Side::Writer, cx.waker());
        let written = self.shared.with(Side::Writer, |side, cx| {
            let written = side.sending.poll_write_enough(&mut side.stream, enough, cx);
            (written, wakes_receiver(&side.sending))
        });
",
        wrong: r"        let waker = cx.waker();
        let written = self.shared.with(Side::Writer, |side, cx| {
            let written = side.sending.poll_write_enough(&mut side.stream, enough, cx);
            (written, wakes_receiver(&side.sending))
        });
        self.shared.register(Side::Writer, waker);
",
        about: "the sender registers its waker after it has tried",
    },
    Fault {
        test: "tokio",
        file: "crates/fullduplex-tokio/src/engine.rs",
        right: r"        link.with_sending_now(cx, |sending, stream, cx| {
            let _ = sending",
        wrong: r"        link.with_sending(cx, |sending, stream, cx| {
            let _ = sending",
        about: "a receiver whose connection fails does not wait for the sender",
    },
    Fault {
        test: "std",
        file: "crates/fullduplex-std/src/halves/shared.rs",
        right: r"            if self.mailbox.open().for_sender.is_none() {
                return result;
            }",
        wrong: r"            if true {
                return result;
            }",
        about: "the sender does not look into the mailbox when it has given the sending side back",
    },
    Fault {
        test: "std",
        file: "crates/fullduplex-std/src/halves/shared.rs",
        right: r"            side.tell();
            drop(side);
            if self.mailbox.open().for_sender.is_none() {",
        wrong: r"            side.tell();
            let nothing = self.mailbox.open().for_sender.is_none();
            drop(side);
            if nothing {",
        about: "the sender looks into the mailbox before it gives the sending side back",
    },
    Fault {
        test: "std",
        file: "crates/fullduplex-std/src/halves/shared.rs",
        right: r"        loop {
            self.hear();
            if self.is_over()",
        wrong: r"        loop {
            if self.is_over()",
        about: "a sender that is blocked does not look into the mailbox",
    },
    Fault {
        test: "pool",
        file: "crates/fullduplex/src/pool.rs",
        right: r"        if in_all.fetch_add(1, Ordering::Relaxed) >= IN_ALL {
            in_all.fetch_sub(1, Ordering::Relaxed);
            return false;
        }",
        wrong: r"        if in_all.load(Ordering::Relaxed) >= IN_ALL {
            return false;
        }
        in_all.fetch_add(1, Ordering::Relaxed);",
        about: "a pool looks whether there is a place, and claims it then",
    },
    Fault {
        test: "app",
        file: "crates/fullduplex-app/src/gate.rs",
        right: r"        let mut phase = self.phase.subscribe();
        while self.state().passes > 0 {",
        wrong: r"        while self.state().passes > 0 {
            let mut phase = self.phase.subscribe();",
        about: "a gate that closes looks for connections before it can hear of the last one",
    },
    Fault {
        test: "app",
        file: "crates/fullduplex-app/src/gate.rs",
        right: r"        if let Err(reason) = state.take(key, &shared.limits) {
            state.denied.add(reason);
            drop(state);
            trace::denied(peer, reason.name());
            return Err(reason);
        }
",
        wrong: r"        if state.passes >= shared.limits.connections {
            state.denied.add(Denied::Connections);
            return Err(Denied::Connections);
        }
        drop(state);
        let mut state = shared.state();
        state.passes += 1;
        if let Some(key)=key {*state.by_address.entry(key).or_default()+=1;}
",
        about: "a gate looks whether there is a place, and takes it under another lock",
    },
    Fault {
        test: "app",
        file: "crates/fullduplex-app/src/room.rs",
        right: r"                    drop(waiting);
                    self.filled.notify_one();
                    return Put::Leaves;",
        wrong: r"                    drop(waiting);
                    return Put::Leaves;",
        about: "a member that is too slow is not woken",
    },
    Fault {
        test: "app",
        file: "crates/fullduplex-app/src/room.rs",
        right: r"        let _turn = self.0.turn.lock().await;
",
        wrong: "",
        about: "two speakers speak at once",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::{read, root};

    #[test]
    fn each_fault_has_its_place_in_the_sources() {
        for Fault { file, right, about, .. } in &FAULTS {
            let source = read(&root().join(file)).unwrap();
            assert_eq!(source.matches(right).count(), 1, "{file}: {about}");
        }
    }
}
