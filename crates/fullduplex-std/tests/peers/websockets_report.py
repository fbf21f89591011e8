"""How a connection of `websockets` ended, as README.md has it."""


def report(socket):
    both = socket.protocol.close_rcvd is not None and socket.protocol.close_sent is not None
    clean = "clean" if both else "unclean"
    return f"closed {socket.close_code} {socket.close_reason} {clean}"
