//! What the adapter reads, and what the application is given.

use fullduplex::{BufMut, CloseScan, Ended, Error, MessageError, Reader};

use super::body::Body;
use super::outside::{MUTATES_FROM, Outside};
use super::{Conn, both};
use crate::coverage::failure_name;
use crate::flow::Given;
use crate::memory::uncounted;
use crate::pipe::Found;
use crate::plan::{Kept, Mutant, Side, Take, keep};

impl Conn {
    /// Receives once. Returns whether something was received.
    pub(super) fn poll(&mut self, side: Side, take: Take, outside: &mut Outside) -> Kept<bool> {
        let (end, _) = both(&mut self.ends, side);
        let (_, flow) = both(&mut self.flows, side);
        let (_, pipe) = both(&mut self.pipes, side);
        let damaged_at = pipe.damaged_at.filter(|at| pipe.has_read(*at + 1));
        if end.body.reader().is_some_and(|reader| !reader.unread().is_empty()) {
            end.timers.receive();
        }
        if take != Take::Chunks {
            flow.give_up();
        }
        let mut kept = Ok(());
        let Outside { held, mutant, mutations, swapped, hoard, coverage, .. } = outside;
        let mut give = |given: Given<'_>| {
            uncounted(|| coverage.note(given.name()));
            if *mutant == Some(Mutant::Leak) && matches!(given, Given::Message(..)) {
                std::mem::forget(std::hint::black_box(vec![0_u8; 24]));
            }
            if *mutant == Some(Mutant::Hoard) && matches!(given, Given::Message(..)) {
                hoard.push(vec![0; 16 << 20]);
            }
            uncounted(|| {
                let is_message = matches!(given, Given::Message(..));
                let now = is_message && {
                    *mutations += 1;
                    *mutations == MUTATES_FROM
                };
                match (*mutant, given) {
                    (Some(Mutant::LoseMessage), _) if now => return,
                    (Some(Mutant::Panic), _) if now => panic!("on purpose"),
                    (Some(Mutant::SwapMessages), Given::Message(kind, payload)) if now => {
                        *swapped = Some((kind, payload.to_vec()));
                        return;
                    }
                    (Some(Mutant::SpuriousError), _) if now => {
                        kept = flow.fail(MessageError::InvalidUtf8.into(), damaged_at);
                        return;
                    }
                    _ => {}
                }
                kept = flow.give(given, damaged_at);
                if is_message && let Some((kind, payload)) = swapped.take() {
                    let second = flow.give(Given::Message(kind, &payload), damaged_at);
                    kept = std::mem::replace(&mut kept, Ok(())).and(second);
                }
            });
        };
        let polled = held.count(|| match (&mut end.body, take) {
            (Body::Whole(endpoint), Take::Lent) => {
                endpoint.poll().map(|polled| polled.map(|(message, _)| give(message.into())))
            }
            (Body::Whole(endpoint), Take::Owned) => {
                endpoint.poll_owned().map(|polled| polled.map(|message| give((&message).into())))
            }
            (Body::Whole(endpoint), Take::Found) => match endpoint.find() {
                Ok(true) => {
                    endpoint.reader.message().map(|lent| lent.map(|message| give(message.into())))
                }
                Ok(false) => Ok(None),
                Err(error) => Err(error),
            },
            (Body::Whole(endpoint), Take::Chunks) => {
                endpoint.poll_chunk().map(|polled| polled.map(|chunk| give((&chunk).into())))
            }
            (Body::Halves(halves), Take::Lent) => {
                halves.reader.poll().map(|polled| polled.map(|message| give(message.into())))
            }
            (Body::Halves(halves), Take::Owned) => halves
                .reader
                .poll_owned()
                .map(|polled| polled.map(|message| give((&message).into()))),
            (Body::Halves(halves), Take::Found) => match halves.reader.find() {
                Ok(true) => {
                    halves.reader.message().map(|lent| lent.map(|message| give(message.into())))
                }
                Ok(false) => Ok(None),
                Err(error) => Err(error),
            },
            (Body::Halves(halves), Take::Chunks) => {
                halves.reader.poll_chunk().map(|polled| polled.map(|chunk| give((&chunk).into())))
            }
            (Body::Dropped, _) => Ok(None),
        });
        kept?;
        held.count(|| end.body.post());
        if end.scan.is_some() {
            held.count(|| end.scan = None);
        }
        match polled {
            Ok(Some(())) => Ok(true),
            Ok(None) => {
                end.drained = true;
                Ok(false)
            }
            Err(error) => {
                keep!(end.failure.is_none(), Failure, "{error:?} after {:?}", end.failure);
                end.failure = Some(error);
                flow.fail(error, damaged_at)?;
                coverage.note(failure_name(error));
                Ok(true)
            }
        }
    }

    /// Reads what has arrived, if everything read before was delivered. Returns whether something
    /// came.
    pub(super) fn read(&mut self, side: Side, most: usize, outside: &mut Outside) -> Kept<bool> {
        let (end, _) = both(&mut self.ends, side);
        let (_, flow) = both(&mut self.flows, side);
        let (_, pipe) = both(&mut self.pipes, side);
        if !end.drained || end.end_told || end.over || most == 0 || !pipe.is_readable() {
            return Ok(false);
        }
        let now = outside.now;
        let by_buf = end.reads_by_buf;
        end.reads_by_buf = !by_buf;
        let Some(reader) = end.body.reader_mut() else { return Ok(false) };
        let found = outside.held.count(|| {
            if by_buf {
                let mut room = reader.room_buf();
                let most = most.min(room.remaining_mut());
                let found = pipe.read(most, now, |bytes| room.put_slice(bytes));
                drop(room);
                if let Found::Bytes(len) = found {
                    reader.advance(len);
                }
                found
            } else {
                let room = reader.room();
                let most = most.min(room.len());
                let found =
                    pipe.read(most, now, |bytes| room[..bytes.len()].copy_from_slice(bytes));
                if let Found::Bytes(len) = found {
                    reader.advance(len);
                }
                found
            }
        });
        match found {
            Found::Nothing => return Ok(false),
            Found::Bytes(_) => {
                end.drained = false;
                outside.coverage.note("read");
                return Ok(true);
            }
            Found::End | Found::Reset => {}
        }
        end.end_told = true;
        let reset = found == Found::Reset || end.unwritable;
        let receiver = end.body.reader().map(Reader::receiver);
        let is_known = receiver
            .is_none_or(|receiver| receiver.peer_close().is_some() || receiver.failure().is_some());
        let ended = outside.held.count(|| end.body.end(reset));
        end.timers.stop();
        let has_all = pipe.has_read(flow.offset()) && pipe.damaged_at.is_none();
        match ended {
            Ok(()) => keep!(is_known, Failure, "an end without a Close is no failure"),
            Err(error) => {
                keep!(
                    !is_known && end.failure.is_none(),
                    Failure,
                    "{error:?} although the end was known already"
                );
                let expected = if reset { Ended::Reset } else { flow.ends_with() };
                keep!(
                    error == Error::Ended(expected) || !reset && !has_all && is_eof(error),
                    Failure,
                    "{error:?} instead of {expected:?}"
                );
                keep!(
                    !pipe.is_sound()
                        || reset
                        || self.dropped[side.peer().index()]
                        || both(&mut self.ends, side).1.failure.is_some()
                        || both(&mut self.ends, side).1.over,
                    Failure,
                    "{error:?}, but nothing has ended the transport"
                );
                self.end(side).failure = Some(error);
                outside.coverage.note(failure_name(error));
            }
        }
        Ok(true)
    }

    pub(super) fn read_ahead(&mut self, side: Side, most: usize, outside: &mut Outside) {
        let (end, _) = both(&mut self.ends, side);
        let (_, pipe) = both(&mut self.pipes, side);
        let now = outside.now;
        if end.end_told || most == 0 {
            return;
        }
        let size = end.settings.read_ahead as usize;
        let Some(reader) = end.body.reader_mut() else { return };
        let read = outside.held.count(|| {
            let Some(mut room) = reader.room_ahead(size) else { return false };
            let most = most.min(room.remaining_mut());
            let found = pipe.read(most, now, |bytes| room.put_slice(bytes));
            drop(room);
            let Found::Bytes(len) = found else { return false };
            reader.advance(len);
            reader.receiver_mut().handle_unread_input();
            true
        });
        if read {
            end.drained = false;
            end.timers.receive();
            outside.coverage.note("read ahead");
        }
    }

    pub(super) fn find_close(&mut self, side: Side, outside: &mut Outside) -> Kept {
        let (end, _) = both(&mut self.ends, side);
        let (_, flow) = both(&mut self.flows, side);
        let (_, pipe) = both(&mut self.pipes, side);
        let damaged_at = pipe.damaged_at.filter(|at| pipe.has_read(*at + 1));
        let Some(reader) = end.body.reader_mut() else { return Ok(()) };
        // `find_close` is for a caller that has sent its own Close and waits for the peer's.
        let receiver = reader.receiver();
        let waits = !receiver.may_send() && receiver.failure().is_none() && !receiver.is_closed();
        if !waits || end.end_told {
            return Ok(());
        }
        let scan = end.scan.get_or_insert_with(CloseScan::new);
        let found = outside.held.count(|| reader.find_close(scan));
        let failed = reader.receiver().failure();
        outside.held.count(|| end.body.post());
        if found != Ok(false) {
            outside.held.count(|| end.scan = None);
            end.drained = false;
        }
        match found {
            Ok(found) => {
                outside.coverage.note_if(found, "find close");
                keep!(
                    !found || flow.close.is_some() || damaged_at.is_some(),
                    Close,
                    "a Close is found that was not written"
                );
            }
            Err(error) => {
                if failed.is_some() {
                    end.failure = failed;
                    flow.fail(error, damaged_at)?;
                } else {
                    keep!(
                        damaged_at.is_some() || flow.has_over(error),
                        Failure,
                        "{error:?} is found for no reason"
                    );
                }
            }
        }
        Ok(())
    }
}

fn is_eof(error: Error) -> bool {
    matches!(error, Error::Ended(Ended::WithoutClose | Ended::InsideMessage))
}
