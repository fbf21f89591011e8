//! Every oracle of the fuzz targets, with the targets that it belongs to, what it demands, and the fault that it finds.
//!
//! `cargo xtask fuzz --faults` reads this file as well. It puts in each fault, and each target of the oracle must then
//! crash by it.

macro_rules! oracles {
    ($([$($target:ident)+] $($name:ident: $demand:literal, $fault:literal;)+)+) => {
        /// Something that fuzz targets check.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Oracle {
            $($(#[doc = $demand] $name,)+)+
        }

        impl Oracle {
            /// All of them.
            pub const ALL: &[Self] = &[$($(Self::$name,)+)+];

            /// Its name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $($(Self::$name => stringify!($name),)+)+
                }
            }

            /// The targets that check it.
            #[must_use]
            pub fn targets(self) -> &'static [&'static str] {
                match self {
                    $($(Self::$name)|+ => &[$(stringify!($target),)+],)+
                }
            }

            /// The fault that it finds.
            #[must_use]
            pub fn fault(self) -> &'static str {
                match self {
                    $($(Self::$name => $fault,)+)+
                }
            }

            /// How the message of a crash begins.
            #[must_use]
            pub fn verdict(self) -> String {
                let demand = match self {
                    $($(Self::$name => $demand,)+)+
                };
                format!("the oracle {} fails ({demand})", self.name())
            }
        }
    };
}

oracles! {
    [adapters deflate_round_trip differential endpoint extended_connect extensions frames_client frames_server handshake_request
        handshake_response inflate kernels operations split urls]
    Memory: "what an input holds in memory is bounded by its size and the limits", "one byte more is held than may be";
    MemoryReturned: "what an input has held it gives back", "each input keeps half of its constant";

    [extended_connect frames_client frames_server handshake_request handshake_response urls]
    ShownInWords: "an error in words is one line of bounded length", "it ends with a line break";

    [extended_connect handshake_request handshake_response]
    ShownInDebug: "a value in a log is one line of bounded length", "it turns the direction of writing";

    [frames_server frames_client]
    FramesFault: "what was received fails by the peer's fault", "by nobody's";
    FramesMessageLimit: "no message exceeds its limit", "the connection has no limit for messages";
    FramesControlLimit: "the payload of a control frame has at most 125 bytes", "a Ping's or Pong's payload has 126";
    FramesNoFailureAfterClose: "no failure is told of a connection that has received a Close", "one is";
    FramesAnswersInForm: "an answer has FIN and no reserved bit", "the first answer has a reserved bit";
    FramesMasked: "a client masks each frame, a server none", "the first answer is masked, or not, the wrong way round";
    FramesCloseLast: "nothing is written after a Close", "a Ping is";
    FramesPongs: "each Ping has its Pong, in order", "the last Pong is missing";
    FramesErrorCode: "each error of the peer's has a close code", "it has none";
    FramesCloseAnswered: "a failure or a Close is answered by a Close with its code, and nothing else is", "the Close is missing";
    FramesCloseFound: "a Close is found before what precedes it is polled", "it is not found";
    FramesCloseNotInvented: "a Close that is found is in the input, or a failure", "one is found in all input";
    FramesCloseDelivered: "a Close that was found is delivered", "no message is";
    FramesClosed: "a connection that failed or was closed says so", "it says that it is open";
    FramesFailure: "the cause of a failure stays readable", "it is gone";
    FramesSilence: "a connection that is over says nothing more", "it writes a Pong";

    [deflate_round_trip extensions inflate]
    NegotiateAsked: "a server takes our client's request", "its last byte is missing";
    NegotiateOpens: "a client takes our server's response", "its status is 404";
    NegotiateBoth: "both ends have agreed on compression, or none has", "the server has not";
    NegotiateWindows: "no end sends a larger window than the other expects", "one bit more";
    NegotiateTakeover: "an end keeps its context if the other expects it, and only then", "the other way round";

    [deflate_round_trip]
    StrictControl: "a control frame has no reserved bit", "it has one";
    StrictContinuation: "only the first frame of a message says that it is compressed", "another one says so";
    StrictFirst: "no reserved bit but RSV1 is set", "RSV2 is";
    StrictAgreed: "nothing is compressed that was not agreed on", "nothing was";
    StrictWindow: "no window is larger than what was agreed on", "a window of one byte was";

    [split inflate]
    PiecesFailOnce: "a failure is told once", "it is told twice";

    [split inflate endpoint]
    PiecesInOrder: "a message begins with its first piece, and with no other", "no piece is a first one";
    PiecesControl: "a control frame in a stream of pieces is one", "it is a text message";

    [split]
    SplitReads: "however the reads are cut, the same is seen, written and failed with", "a byte of the answers is missing";
    SplitClosed: "however the reads are cut, the connection comes to the same state", "it is in the other";
    SplitEnd: "however the reads are cut, the end means the same", "one transport is reset before";
    SplitPieces: "messages in pieces are the messages", "the last one is missing";
    SplitPiecesError: "messages in pieces fail as messages do", "they do not fail";
    SplitLent: "messages that are lent are the messages", "the last one is missing";
    SplitLentError: "messages that are lent fail as messages do", "they do not fail";
    SplitValid: "what is valid is taken", "it fails";
    SplitExpected: "what is valid is seen as it was sent", "the last event is missing";

    [urls]
    UrlsHeads: "a URL that is borrowed is asked for as one that is owned", "a bit of the request is another";
    UrlsHosts: "a URL that is borrowed has the host of one that is owned", "it has none";
    UrlsPorts: "a URL that is borrowed has the port of one that is owned", "it has another";
    UrlsErrors: "a URL is refused with one error, borrowed or owned", "there is no error";
    UrlsNormal: "the normal form of a URL is its own normal form", "it is another URL's";
    UrlsBorrowed: "the normal form can be borrowed", "it is another URL's";
    UrlsSecret: "a URL is printed without its credentials", "it is printed with them";
    UrlsRequest: "a server takes the request for a URL", "its last byte is missing";
    UrlsPath: "a server reads the path of the URL", "it reads none";
    UrlsQuery: "a server reads the query of the URL", "it reads another";
    UrlsHostField: "a server reads the host of the URL", "it reads none";

    [kernels]
    KernelsBefore: "masking leaves the bytes before the payload alone", "it changes one";
    KernelsMask: "masking does to each octet what the RFC says", "the last octet of some lengths is another";
    KernelsTextTaken: "what the standard library takes for text is taken", "a long text is refused";
    KernelsText: "text arrives as it was sent", "it does not arrive";
    KernelsTextRefused: "what the standard library does not take for text is refused", "it is taken";
    KernelsUnfinished: "text that is refused is never whole", "it is";
    KernelsValidPart: "what was given away of text that is refused is valid", "all of the text was given away";
    OwnedTaken: "what the standard library takes for text becomes owned text", "it is not taken for text";
    OwnedCompares: "owned text compares as text", "it has one more letter";
    OwnedHashes: "owned text hashes as text", "to another number";
    OwnedPrints: "owned text is printed as text", "its last letter is missing";
    OwnedConverts: "owned text becomes the bytes and the text that it was made of", "it becomes no bytes";
    OwnedCopies: "a copy of a message is the same", "it is a Close";
    OwnedKinds: "a message says which kind it is", "whether it is text, the other way round";
    OwnedPayload: "a message says what its payload is", "it has one more byte";
    OwnedGives: "a message gives its payload away", "it gives another one";
    OwnedPieces: "a message is a piece that is whole", "it is a Close";
    KernelsPart: "what was given away of text that is refused was sent", "one more byte was given away";

    [differential]
    DifferentialPrefix: "what we take before a failure that tungstenite does not know, it takes", "it sees one Pong more";
    DifferentialSeen: "tungstenite sees what we see", "it sees one Pong more";
    DifferentialFailure: "tungstenite does not fail where we do not", "it does";
    DifferentialFrames: "websocket-sans-io reads the frames that were sent", "the last one has another FIN";

    [inflate]
    InflateEndpointMemory: "an endpoint holds twice the limit and what was received, and a constant", "one byte more is held";
    InflateLimit: "no message is inflated beyond its limit", "there is no limit";
    InflateCode: "a failure has a code of what can be wrong with compressed messages", "it has none";
    InflateReads: "however reads and rooms are cut, the same is seen, written and failed with", "a byte of the answers is missing";
    InflatePieces: "messages in pieces are the messages", "the last one is missing";
    InflatePiecesError: "messages in pieces fail as messages do", "they do not fail";
    InflateEndpoint: "an endpoint gives the messages", "the last one is missing";
    InflateEndpointError: "an endpoint fails as the connection does", "it does not fail";
    InflateMiniz: "another decoder makes the same of it", "it makes something else of it";
    InflateMinizDone: "another decoder makes the same of it up to the end of its stream", "it makes something else of it";

    [deflate_round_trip]
    RoundTripParams: "an endpoint says what was agreed on", "it says that nothing was";
    RoundTripSends: "a message is sent unless another one is unfinished", "it is refused";
    RoundTripFinishes: "a message in fragments can be finished", "the last fragment does not say so";
    RoundTripTaken: "an endpoint takes what an endpoint writes", "a reserved bit is set on the way";
    RoundTripReceived: "messages arrive once, in order and intact", "the last one is missing";
    RoundTripWire: "what is on the wire is what was sent, by the book", "the last message is of the other kind";

    [adapters]
    AdaptersComeToAnEnd: "a connection over tokio comes to its end", "it waits for something that never comes";
    AdaptersCloseLast: "nothing is written after a Close", "a Ping is";
    AdaptersInForm: "what comes back is whole, without mask and reserved bits", "it has a reserved bit";
    AdaptersEcho: "each message comes back in order and intact", "the last one does not";
    AdaptersNoMore: "no message comes back that was not sent", "the last one comes back twice";
    AdaptersFeed: "sending over a stream that would block fails by that alone", "it says that the connection was closed";
    AdaptersCalls: "an adapter stops calling its stream", "the stream always blocks";

    [operations]
    OperationsFragments: "a fragment of another kind is refused", "it is taken for one";
    OperationsAppend: "nothing is appended for a message that is refused", "a byte is";
    OperationsRefused: "a payload that is refused is left alone", "it is reversed";
    OperationsClose: "a connection says with which code it was closed", "it says nothing";
    OperationsTransmits: "a Pong, a Ping and a Close wait at most", "each counts four times";
    OperationsAfterFailure: "nothing is delivered after a failure", "something is";
    OperationsControl: "the payload of a control frame has at most 125 bytes", "125 bytes more are counted";
    OperationsInput: "no input is left", "some is";
    OperationsFailOnce: "a failure is told once", "it is told twice";
    OperationsCause: "the cause of a failure stays readable", "it is gone";
    OperationsMasked: "a client masks each frame, a server none", "the last frame is masked, or not, the wrong way round";
    OperationsKeys: "no masking key is used twice", "the last one is";
    OperationsCloseLast: "nothing is written after a Close", "another Close is";
    OperationsCloseSaid: "a connection says whether it has sent a Close", "it says the contrary";
    OperationsValid: "a peer finds no fault with what was written", "a reserved bit is set on the way";
    OperationsMessages: "messages arrive once, in order and intact", "the last one is missing";
    OperationsMaySend: "messages may be sent until a Close or a failure, and no longer", "the other way round";
    OperationsClean: "an end is clean after both Closes, and only then", "the other way round";
    OperationsClosed: "a connection is over after both Closes, or a failure that was told to the peer", "the other way round";
    OperationsShutdown: "the transport is ended as §7.1.1 says", "at once, in both directions";
    OperationsStays: "a failure, and the Closes, stay what they are", "they do not";
    OperationsDirections: "both directions of a connection say the same", "the receiver says that messages may be sent, or not";
    OperationsJoined: "what was taken apart and joined is as before", "it says whether messages may be sent the other way round";
    OperationsExpired: "a connection fails by the waiting time that has run out", "none has";
    OperationsHasTimeout: "there is no deadline unless a waiting time runs", "none ever runs";

    [handshake_request]
    RequestOurs: "a server takes our client's request", "its last byte is a space";
    RequestHeadLen: "a server knows where our client's request ends", "it is one byte off";
    RequestKey: "a server reads our client's key", "there is none";
    RequestSubprotocols: "a server reads our client's subprotocols", "the last one is missing";
    RequestSplit: "however the reads are cut, the verdict is the same", "there is none in pieces";
    RequestIncoming: "an endpoint to be says the same to a request", "it says nothing";
    RequestWaits: "more is waited for only within the limit", "the limit is counted wrongly";
    RequestEnd: "however the reads are cut, the end means the same", "one of them has failed before";
    RequestErrorStays: "an error stays", "it is forgotten";
    RequestHeadWithin: "the head of a request ends within what was received", "it ends behind it";
    RequestPath: "a path begins with a slash", "it is empty";
    RequestOwned: "a request that is owned is the same", "it is another";
    RequestExtensions: "there are fewer extensions than bytes", "there are more";
    RequestParts: "a request that another library has parsed is taken as well", "its version is 1.0";
    RequestPartsRead: "a request that another library has parsed is read as the same", "its target is another";
    RequestPartsAsk: "a request that another library has parsed asks for a WebSocket", "its headers are missing";
    RequestAccepted: "a request that is in order can be accepted", "with a subprotocol that it does not name";
    RequestAcceptedByHttp: "an acceptance is HTTP", "it begins with a space";
    RequestAcceptedStatus: "an acceptance has the status 101", "it has none";
    RequestOpens: "our client takes our server's response", "its status is 404";
    RequestResponseLen: "our client knows where the response ends", "it is one byte off";
    RequestChosen: "our client reads the subprotocol that was chosen", "it reads none";
    RequestRefusal: "an error's response has at most 400 bytes", "there is room for 20";
    RequestRefusedByHttp: "an error's response is HTTP", "it begins with a space";
    RequestRefusedStatus: "an error's response has its status", "it has none";
    RequestRefusedLength: "an error's response says how long its body is", "it does not";
    RequestTold: "the caller is told of the response that the application has given", "it is told of another one";
    RequestAnswerAccepts: "an acceptance is written if its headers may be sent", "and only if they may not";
    RequestAnswerAcceptsRoom: "an acceptance says how much room it needs", "it fits into less";
    RequestAnswerAcceptsByHttp: "an acceptance with headers is HTTP", "it is none";
    RequestAnswerAcceptsSays: "an acceptance says what the application has put in", "it has one more header";
    RequestAnswerRejects: "a rejection is written if its status and headers may be sent", "and only if they may not";
    RequestAnswerChecked: "a rejection that is checked can be written, and no other", "none can";
    RequestAnswerRejectsRoom: "a rejection says how much room it needs", "it fits into less";
    RequestAnswerRejectsSays: "a rejection says what the application has put in", "its body has one more byte";
    RequestAnswerRefused: "a client takes no rejection for an acceptance", "it does";
    RequestAnswerPlain: "a response is written if its status and headers may be sent", "and only if they may not";
    RequestAnswerPlainSays: "a response says what the application has put in, and has a body where it may", "it is no HTTP";

    [handshake_response]
    ResponseOpens: "a response that is in order opens", "it does not";
    ResponseSplit: "however the reads are cut, the verdict is the same", "there is none in pieces";
    ResponseWaits: "more is waited for only within the limit", "the limit is counted wrongly";
    ResponseEnd: "however the reads are cut, the end means the same", "one of them has failed before";
    ResponseRefused: "a refusal has a final status", "it has an interim one";
    ResponseErrorStays: "an error stays", "it is forgotten";
    ResponseErrorAtEnd: "an error is the same at the end", "it is forgotten";
    ResponseUnfolds: "no line is folded after they were unfolded", "one is";
    ResponseUnfolded: "what was unfolded means the same to a client that does not unfold", "it was not unfolded";
    ResponseUnchanged: "what has no folded line is left alone", "it is reversed";
    ResponseUnfoldedVerdict: "what has no folded line gets the same verdict", "it gets none";
    ResponseStatus: "a response that opens has the status 101", "it has 102";
    ResponseAccept: "a response that opens has the accept value of our key", "it has none";
    ResponseSubprotocol: "a subprotocol is one that was offered", "it was not";
    ResponseHeadWithin: "the head of a response ends within what was received", "it ends behind it";
    ResponseOwned: "a response that is owned is the same", "it is another";

    [extended_connect]
    ConnectOurs: "a server takes our client's request", "its first field is missing";
    ConnectSubprotocols: "a server reads our client's subprotocols", "it reads one more";
    ConnectPath: "a path begins with a slash", "it is empty";
    ConnectStatus: "success over HTTP/2 is 200, without a key", "it is 101";
    ConnectOwned: "a request that is owned is the same", "it is another";
    ConnectAccepted: "a request that is in order can be accepted", "with a subprotocol that it does not name";
    ConnectOpens: "our client takes our server's response", "its status is 404";
    ConnectChosen: "our client reads the subprotocol that was chosen", "it reads another";
    ConnectRefused: "a request that is not in order is refused by 400 to 599", "by less";
    ConnectNoUpgrade: "no refusal names what HTTP/2 does not have", "it names Upgrade";
    ConnectSuccess: "only a success opens", "404 does";
    ConnectNamed: "a subprotocol is one that was offered", "it was not";
    ConnectResponseOwned: "a response that is owned is the same", "it is another";
    ConnectHeaders: "a request is accepted if the application's headers may be sent over HTTP/2", "and only if they may not";
    ConnectHeadersPut: "the application's headers are put in lower case, or none is", "one more is put";
    ConnectNoSuccess: "no success is a refusal", "200 is";

    [extensions]
    ExtensionsTaken: "a request that is in order is whole", "it is not";
    ExtensionsRefused: "only what is malformed is refused", "something else is";
    ExtensionsAccepted: "a request that is in order can be accepted", "there is no room for it";
    ExtensionsAscii: "a head is ASCII", "its first byte is not";
    ExtensionsSaid: "what was agreed on is in the response", "it is not";
    ExtensionsNotDeclined: "no offer that can be accepted is declined", "one is";
    ExtensionsOffered: "what is accepted was offered", "it was not";
    OfferAnswer: "an answer is one element in order", "it is of another extension";
    OfferServerFresh: "a server grants that it forgets", "it does not";
    OfferClientFresh: "a server grants that the client forgets", "it does not";
    OfferTakeover: "a server forgets as it says", "it does the contrary";
    OfferPeerTakeover: "a server expects the client to forget as it says", "it does the contrary";
    OfferServerBits: "a server grants a limit of its window", "it does not";
    OfferWindow: "a server keeps to the window that it names", "it has a larger one";
    OfferClientBits: "a server limits only a window whose client allows for it", "the client does not";
    OfferPeerWindow: "a server expects the window that it names", "it expects a larger one";
    AnswerNone: "without compression there is no answer", "there is one";
    AnswerOne: "compression has one answer in order", "it has none";
    AnswerRefused: "a handshake fails by its extensions alone", "it fails by something else";
    AnswerFresh: "a client takes no answer that does not grant that the server forgets", "it does";
    AnswerPeerBits: "a client expects the window that the server names", "it expects a larger one";
    AnswerPeerWindow: "a client takes no window that is larger than it wants", "it does";
    AnswerWindow: "a client keeps to the window of its configuration", "it has a larger one";
    AnswerLimitAllowed: "a client takes a limit only if it allowed for one", "it did not";
    AnswerLimit: "a client keeps to the server's limit", "it has a larger window";
    AnswerTakeover: "a client forgets as it is told, or wants to", "it does the contrary";
    AnswerPeerTakeover: "a client expects the server to forget as it says", "it does the contrary";
    UnaskedNothing: "nothing is agreed on that was not offered", "compression is";
    UnaskedNone: "no extension is taken that was not offered", "one is";

    [endpoint]
    EndpointRoom: "there is room to read into", "there is none";
    EndpointRoomBuf: "there is room to read into, as a buffer", "there is none";
    EndpointPunctual: "nobody is late", "nobody answers a Ping, for an hour";
    EndpointRefusedMessage: "a message that is refused is left alone", "it is another";
    EndpointShared: "a message to which the application has a handle is left alone", "it is another";
    EndpointTaken: "an endpoint takes what an endpoint writes", "it finds a reserved bit";
    EndpointRequest: "a server takes our client's request", "spaces arrive";
    EndpointResponse: "a client takes our server's response", "spaces arrive";
    EndpointAccepts: "a request is accepted if the application's headers may be sent", "and only if they may not";
    EndpointRejects: "a request is rejected if the application's status and headers may be sent", "and only if they may not";
    EndpointReplaced: "a response is replaced for what the application has put in", "for another reason";
    EndpointHeaders: "a client reads the headers of an acceptance", "the last one is missing";
    EndpointStatus: "a client sees the status 101", "it sees 102";
    EndpointSilent: "nothing is written after the end", "a byte is";
    EndpointEnd: "a peer ends after its Close", "it ends before";
    EndpointRest: "two endpoints come to rest", "something moves for ever";
    EndpointOver: "no endpoint waits for ever", "the client does";
    EndpointRefused: "both ends know the status of a rejection", "the client knows another one";
    EndpointRefusedHeaders: "a client reads the headers of a rejection", "the last one is missing";
    EndpointRefusedBody: "a client has the beginning of a rejection's body", "it has one more byte";
    EndpointDrained: "a reader that is drained has nothing to deliver", "every reader says that it is";
    EndpointFound: "what was found can be lent, and nothing else", "it is the other way round";
    EndpointPiecesRoom: "messages in pieces take no larger buffer than reads do", "twice as large a one";
    EndpointReset: "a reset is a failure unless a Close was received", "it is none";
    EndpointResetSilent: "nothing is delivered after a reset", "a Ping is";
    EndpointResetOver: "after a reset an endpoint is over, and says why", "it waits for the peer's end";
    EndpointNotOpened: "no end opens that was rejected", "the client says that it has";
    EndpointOpened: "both ends have opened", "the client says that it has not";
    EndpointClean: "the end is a clean one", "it is not";
    EndpointMessages: "messages arrive once, in order and intact, or their beginnings", "the last one has one more byte";
    EndpointArrived: "all messages arrive", "the last one does not";
    EndpointPings: "Pings arrive once, in order and intact", "one arrives that was not sent";
    EndpointPongs: "each Pong is of a Ping", "one is not";
    EndpointOneClose: "each end receives one Close", "the client receives two";
    EndpointCloseLast: "a Close is the last that is received", "a Ping is received after it";
    EndpointCloseReason: "a Close arrives with its code and reason", "with other ones";
}
