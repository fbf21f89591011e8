// Echo endpoints over Boost.Beast, blocking, as in its own examples:
//   beast-echo server PORT
//   beast-echo client URL     runs all cases of a fuzzing server
#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <thread>

namespace beast = boost::beast;
namespace websocket = beast::websocket;
namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using stream = websocket::stream<tcp::socket>;

static const std::string agent = "beast";
static const std::size_t limit = 64 << 20;

static void set_up(stream& socket) {
    websocket::permessage_deflate deflate;
    deflate.client_enable = true;
    deflate.server_enable = true;
    socket.set_option(deflate);
    socket.read_message_max(limit);
}

// Echoes each message. The end of the connection is an error, as is a peer that breaks the protocol.
static void echo(stream& socket) {
    for (;;) {
        beast::flat_buffer buffer;
        beast::error_code error;
        socket.read(buffer, error);
        if (error) {
            return;
        }
        socket.text(socket.got_text());
        socket.write(buffer.data(), error);
        if (error) {
            return;
        }
    }
}

static void serve(tcp::socket connection) {
    stream socket(std::move(connection));
    set_up(socket);
    beast::error_code error;
    socket.accept(error);
    if (!error) {
        echo(socket);
    }
}

static int server(unsigned short port) {
    asio::io_context context;
    tcp::acceptor acceptor(context, {asio::ip::make_address("127.0.0.1"), port});
    for (;;) {
        std::thread(serve, acceptor.accept()).detach();
    }
}

class client {
public:
    // The URL is ws://HOST:PORT.
    explicit client(std::string url) {
        const std::string scheme = "ws://";
        if (url.compare(0, scheme.size(), scheme) == 0) {
            url.erase(0, scheme.size());
        }
        while (!url.empty() && url.back() == '/') {
            url.pop_back();
        }
        authority_ = url;
        const auto colon = url.rfind(':');
        host_ = url.substr(0, colon);
        port_ = url.substr(colon + 1);
    }

    int run() {
        const int cases = count();
        for (int number = 1; number <= cases; ++number) {
            run("/runCase?case=" + std::to_string(number) + "&agent=" + agent);
        }
        run("/updateReports?agent=" + agent);
        return 0;
    }

private:
    void connect(stream& socket, const std::string& target) {
        tcp::resolver resolver(context_);
        asio::connect(socket.next_layer(), resolver.resolve(host_, port_));
        set_up(socket);
        socket.handshake(authority_, target);
    }

    int count() {
        stream socket(context_);
        connect(socket, "/getCaseCount");
        beast::flat_buffer buffer;
        socket.read(buffer);
        return std::stoi(beast::buffers_to_string(buffer.data()));
    }

    // Many cases are meant to end in a failure. The suite judges them.
    void run(const std::string& target) {
        try {
            stream socket(context_);
            connect(socket, target);
            echo(socket);
        } catch (const std::exception& error) {
            std::cerr << target << ": " << error.what() << '\n';
        }
    }

    asio::io_context context_;
    std::string authority_, host_, port_;
};

int main(int argc, char** argv) {
    const std::string role = argc == 3 ? argv[1] : "";
    try {
        if (role == "server") {
            return server(static_cast<unsigned short>(std::atoi(argv[2])));
        }
        if (role == "client") {
            return client(argv[2]).run();
        }
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
    std::cerr << "beast-echo server PORT | beast-echo client URL\n";
    return 2;
}
