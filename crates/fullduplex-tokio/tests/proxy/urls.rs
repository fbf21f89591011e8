//! URLs of proxies, and what is printed of them.

use std::process::Command;

use fullduplex_tokio::{ConnectOptions, Error, Proxy, ProxyDial, connect_with};

#[test]
fn a_proxy_s_url_has_one_of_four_schemes_and_a_default_port() {
    for (url, is) in [
        ("http://proxy", "http://proxy:80"),
        ("proxy", "http://proxy:80"),
        ("proxy:3128", "http://proxy:3128"),
        ("user:password@proxy:3128", "http://proxy:3128"),
        ("https://proxy/", "https://proxy:443"),
        ("HTTP://proxy:1/path?query", "http://proxy:1"),
        ("socks5://proxy", "socks5://proxy:1080"),
        ("socks5h://user:password@[::1]:9050", "socks5://[::1]:9050"),
        ("http://[::1]", "http://[::1]:80"),
    ] {
        assert_eq!(Proxy::parse(url).unwrap().to_string(), is, "{url}");
    }
    let long = format!("socks5://user:{}@proxy", "a".repeat(256));
    for wrong in [
        "",
        "http://",
        "ftp://proxy",
        "socks4://proxy",
        "ws://proxy",
        "http://proxy:port",
        "http://proxy:65536",
        "http://a b",
        "http://proxy\r\nX: y",
        // RFC 1929 §2: neither the user name nor the password may be empty.
        "socks5://user@proxy",
        "socks5://:password@proxy",
        long.as_str(),
    ] {
        assert!(Proxy::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn credentials_are_not_printed() {
    for url in ["http://user:secret@proxy", "socks5://user:secret@proxy"] {
        let proxy = Proxy::parse(url).unwrap();
        let dial = ProxyDial::new(proxy.clone());
        let printed = format!("{proxy} {proxy:?} {dial:?}");
        let options = format!("{:?}", ConnectOptions::new().dial(dial));
        for text in [printed, options] {
            assert!(text.contains("proxy"), "{text}");
            for hidden in ["user", "secret", "dXNlc"] {
                assert!(!text.contains(hidden), "{text}");
            }
        }
    }
}

#[tokio::test]
async fn a_proxy_that_cannot_be_reached_is_named_with_what_its_addresses_did() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let proxy = Proxy::parse(format!("http://user:secret@127.0.0.1:{port}")).unwrap();
    let options = ConnectOptions::new().dial(ProxyDial::new(proxy));
    let error = connect_with("ws://[2001:db8::1]:9001/", &options).await.unwrap_err();
    assert!(matches!(error, Error::Dial(_)));
    let expected = format!(
        "no connection to [2001:db8::1]:9001: the proxy http://127.0.0.1:{port} cannot be reached: \
         127.0.0.1:{port}: connection refused"
    );
    assert_eq!(error.to_string(), expected);
}

/// Runs in a process of its own, because it reads the environment.
#[test]
fn the_environment_is_read() {
    const INSIDE: &str = "FULLDUPLEX_TEST_INSIDE";
    if std::env::var_os(INSIDE).is_some() {
        let printed = match ProxyDial::from_env() {
            Ok(dial) => format!("{dial:?}"),
            Err(error) => error.to_string(),
        };
        println!("{printed}");
        return;
    }
    let run = |name: &str, value: &str| {
        let mut inside = Command::new(std::env::current_exe().unwrap());
        inside.args(["--exact", "urls::the_environment_is_read", "--nocapture"]);
        inside.env_clear().env(INSIDE, "1").env(name, value);
        String::from_utf8(inside.output().unwrap().stdout).unwrap()
    };
    let read = run("HTTPS_PROXY", "http://user:secret@proxy:3128");
    assert!(read.contains("http://proxy:3128") && !read.contains("secret"), "{read}");
    let wrong = run("ALL_PROXY", "gopher://user:secret@proxy");
    assert!(wrong.contains("the proxy's URL in ALL_PROXY is none of"), "{wrong}");
    assert!(!wrong.contains("secret"), "{wrong}");
}
