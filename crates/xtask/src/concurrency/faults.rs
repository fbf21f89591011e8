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

pub(super) const FAULTS: [Fault; 37] = [
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
        if self.wanted",
        wrong: "        if self.wanted",
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
        let written = self.shared.try_with(Side::Writer, |side, cx| {
            let written = side.sending.poll_write_enough(&mut side.stream, enough, cx);
            (written, wakes_receiver(&side.sending))
        });
",
        wrong: r"        let waker = cx.waker();
        let written = self.shared.try_with(Side::Writer, |side, cx| {
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
        right: r"        link.with_sending(cx, |sending, stream, cx| {
            let _ = sending",
        wrong: r"        link.try_with_sending(cx, |sending, stream, cx| {
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
    Fault {
        test: "tokio",
        file: "crates/fullduplex-tokio/src/halves/shared.rs",
        right: r"        let taken = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        self.use_taken(side, taken, f)",
        wrong: r"        let _ = side;
        let mut taken = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        f(&mut taken, &mut Context::from_waker(&self.waker))",
        about: "a half that has waited for the sending side does not look whether the other one wants it",
    },
    Fault {
        test: "tokio",
        file: "crates/fullduplex-tokio/src/halves.rs",
        right: r"    !sending.writer.sender().may_send()
",
        wrong: r"    sending.writer.sender().has_signals()
",
        about: "the receiver is not woken when the sender has written the last bytes of a closing connection",
    },
    Fault {
        test: "tokio",
        file: "crates/fullduplex-tokio/src/halves.rs",
        right: r"                Some(true) => {
                    self.shared.wake(Side::Reader);
",
        wrong: r"                Some(true) => {
",
        about: "a Close that is fed does not wake the receiver",
    },
    Fault {
        test: "tokio",
        file: "crates/fullduplex-tokio/src/halves.rs",
        right: r"        if sent? {
            self.shared.wake(Side::Reader);
        }",
        wrong: r"        sent?;",
        about: "a Close that a sink takes does not wake the receiver",
    },
    Fault {
        test: "tokio",
        file: "crates/fullduplex-tokio/src/halves.rs",
        right: r"        self.shared.register(Side::Writer, cx.waker());
        let begun",
        wrong: r"        let begun",
        about: "a sender that closes does not register its waker before it tries",
    },
    Fault {
        test: "tokio",
        file: "crates/fullduplex-tokio/src/halves/receiving.rs",
        right: r"        if !std::thread::panicking() {",
        wrong: r"        if reader.receiver().has_signals() && !std::thread::panicking() {",
        about: "a dropped receiver leaves an answer behind that it has queued",
    },
    Fault {
        test: "tokio",
        file: "crates/fullduplex-tokio/src/halves/receiving.rs",
        right: r"            side.sending.pass_signals(reader.receiver_mut());
            // The sender",
        wrong: r"            // The sender",
        about: "a dropped receiver does not tell the sender what it knows",
    },
    Fault {
        test: "tokio",
        file: "crates/fullduplex-tokio/src/halves/receiving.rs",
        right: r"        let _ = side.sending.poll_write_out(&mut side.stream, cx);",
        wrong: r"        let _ = cx;",
        about: "a dropped receiver does not write",
    },
    Fault {
        test: "tokio",
        file: "crates/fullduplex-tokio/src/halves/receiving.rs",
        right: r"    });
    link.shared.wake(Side::Writer);
}",
        wrong: r"    });
}",
        about: "a dropped receiver does not wake the sender",
    },
    Fault {
        test: "tokio",
        file: "crates/fullduplex-tokio/src/engine.rs",
        right: r"        if written.wakes_sender {
            link.wake_sender();
        }
",
        wrong: "",
        about: "a sender is not woken when the receiver has written what it waits for",
    },
    Fault {
        test: "tokio",
        file: "crates/fullduplex-tokio/src/engine.rs",
        right: r"        });
        link.wake_sender();
",
        wrong: r"        });
",
        about: "a sender is not woken when the connection fails",
    },
    Fault {
        test: "tokio",
        file: "crates/fullduplex-tokio/src/engine.rs",
        right: r"let unwritable = self.link.with_sending(cx, |sending, _, _| sending.state.unwritable);",
        wrong: r"let unwritable = self.link.try_with_sending(cx, |sending, _, _| sending.state.unwritable);
        let unwritable = unwritable.unwrap_or(false);",
        about: "a receiver at the end of input does not wait to hear of a write that has failed",
    },
    Fault {
        test: "tokio",
        file: "crates/fullduplex-tokio/src/engine/receiving.rs",
        right: r"        link.begin_wait(cx.waker());
",
        wrong: "",
        about: "a receiver that waits for a busy sender has not registered its waker",
    },
    Fault {
        test: "std",
        file: "crates/fullduplex-std/src/halves/shared.rs",
        right: r"    pub(super) fn end(&self) {
        self.mailbox.open().ended = true;",
        wrong: r"    pub(super) fn end(&self) {",
        about: "the sender is not told that the connection is over",
    },
    Fault {
        test: "std",
        file: "crates/fullduplex-std/src/halves/shared.rs",
        right: r"            side.hear();
            if !side.ended {",
        wrong: r"            if !side.ended {",
        about: "a Close is written after the end, because nobody has looked into the mailbox",
    },
    Fault {
        test: "std",
        file: "crates/fullduplex-std/src/halves/shared.rs",
        right: r"            side.tell();
            drop(side);",
        wrong: r"            drop(side);",
        about: "the sender does not say when it has closed before it gives the sending side back",
    },
    Fault {
        test: "std",
        file: "crates/fullduplex-std/src/halves/shared.rs",
        right: r"            receiver.poll_timeout(at);
",
        wrong: r"            let _ = at;
",
        about: "the close timeout begins when the receiver hears of the Close",
    },
    Fault {
        test: "std",
        file: "crates/fullduplex-std/src/halves/shared.rs",
        right: r"                Some(earlier) => earlier.merge(signals),",
        wrong: r"                Some(_) => drop(signals),",
        about: "of two signals in the mailbox the earlier one stays",
    },
    Fault {
        test: "std",
        file: "crates/fullduplex-std/src/halves/shared.rs",
        right: r"                    // The receiver ends the stream when the connection is over.
                    self.hear();
",
        wrong: "",
        about: "a sender whose write has failed does not look why",
    },
    Fault {
        test: "std",
        file: "crates/fullduplex-std/src/engine.rs",
        right: r"        self.end = End::Reported;
        self.link.end();",
        wrong: r"        self.end = End::Reported;",
        about: "a receiver whose stream has failed does not tell the sender",
    },
    Fault {
        test: "std",
        file: "crates/fullduplex-std/src/engine.rs",
        right: r"            let receiver = self.reader.receiver_mut();
            self.link.exchange(receiver);
",
        wrong: r"            let receiver = self.reader.receiver_mut();
",
        about: "a receiver tries to take the sending side before it has left its answer",
    },
    Fault {
        test: "app",
        file: "crates/fullduplex-app/src/gate.rs",
        right: r"        if state.phase >= phase {
            return;
        }
",
        wrong: "",
        about: "a gate that is over is closed again",
    },
    Fault {
        test: "app",
        file: "crates/fullduplex-app/src/gate.rs",
        right: r"        if state.phase == Phase::Open {
            state.left = Left::default();
        }
",
        wrong: "",
        about: "a gate counts who has left before it was closed",
    },
    Fault {
        test: "std",
        file: "crates/fullduplex-std/src/halves/shared.rs",
        right: r"unwrap_or_else(PoisonError::into_inner);
        side.hear();
        let result",
        wrong: r"unwrap_or_else(PoisonError::into_inner);
        let result",
        about: "the sender does not look into the mailbox before it does something",
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
