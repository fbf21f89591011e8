//! The environment variables that name proxies.

use std::ffi::OsString;

use hyper_util::client::proxy::matcher::Matcher;

use super::url::{Authority, Proxy};
use crate::dial::Target;
use crate::error::ProxyUrlError;

/// What the environment says.
#[derive(Debug)]
pub(super) struct Environment {
    ws: Option<Proxy>,
    wss: Option<Proxy>,
    /// All hosts are connected to without a proxy.
    all_direct: bool,
    /// Intercepts the hosts that are not in `NO_PROXY`.
    proxied: Matcher,
}

impl Environment {
    /// Reads the variables by `variable`.
    pub(super) fn read(
        variable: impl Fn(&'static str) -> Option<OsString>,
    ) -> Result<Self, ProxyUrlError> {
        // The first that is not empty. curl and Python look for small letters first.
        let first = |names: &[&'static str]| {
            names.iter().find_map(|name| {
                let value = variable(name).filter(|value| !value.is_empty())?;
                Some((*name, value))
            })
        };
        let proxy = |names: &[&'static str]| match first(names) {
            None => Ok(None),
            Some((name, value)) => match value.to_str().and_then(Proxy::of) {
                None => Err(ProxyUrlError { variable: Some(name) }),
                proxy => Ok(proxy),
            },
        };
        // RFC 3875 §4.1.18: a CGI script has the request's headers as HTTP_*, and so may have HTTP_PROXY. On Windows
        // the name in small letters is the same variable.
        let http: &[_] = match variable("REQUEST_METHOD") {
            None => &["http_proxy", "HTTP_PROXY"],
            Some(_) if cfg!(windows) => &[],
            Some(_) => &["http_proxy"],
        };
        let all = proxy(&["all_proxy", "ALL_PROXY"])?;
        let no = first(&["no_proxy", "NO_PROXY"]);
        let no = no.map(|(_, value)| value.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Self {
            ws: proxy(http)?.or_else(|| all.clone()),
            wss: proxy(&["https_proxy", "HTTPS_PROXY"])?.or(all),
            // The matcher takes it for all names, but for no address.
            all_direct: no.split(',').any(|entry| entry.trim() == "*"),
            proxied: Matcher::builder().all("http://any").no(no).build(),
        })
    }

    /// The proxy to ask for a connection to `target`.
    pub(super) fn proxy_for(&self, target: Target<'_>) -> Option<&Proxy> {
        let proxy = if target.secure { &self.wss } else { &self.ws }.as_ref()?;
        if self.all_direct {
            return None;
        }
        match format!("http://{}/", Authority(target.host, target.port)).parse() {
            Ok(uri) => self.proxied.intercept(&uri).map(|_| proxy),
            // No host of a URL.
            Err(_) => Some(proxy),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&'static str, &str)]) -> Result<Environment, ProxyUrlError> {
        Environment::read(|name| {
            variables.iter().find(|(is, _)| *is == name).map(|(_, value)| value.into())
        })
    }

    /// The proxy for a URL such as `wss://host:port`.
    fn asked(variables: &[(&'static str, &str)], url: &str) -> Option<String> {
        let url = fullduplex::OwnedUri::parse(url).unwrap();
        let environment = read(variables).unwrap();
        environment.proxy_for(Target::of(url.as_uri(), None)).map(ToString::to_string)
    }

    #[test]
    fn ws_goes_by_the_proxy_for_http_and_wss_by_that_for_https_else_by_the_one_for_all() {
        let both = [("HTTP_PROXY", "http://a:1"), ("HTTPS_PROXY", "socks5://b")];
        assert_eq!(asked(&both, "ws://host").unwrap(), "http://a:1");
        assert_eq!(asked(&both, "wss://host").unwrap(), "socks5://b:1080");
        let one = [("ALL_PROXY", "https://c"), ("https_proxy", "b")];
        assert_eq!(asked(&one, "ws://host").unwrap(), "https://c:443");
        assert_eq!(asked(&one, "wss://host").unwrap(), "http://b:80");
        assert_eq!(asked(&[], "ws://host"), None);
        assert_eq!(asked(&[("HTTP_PROXY", "http://a:1")], "wss://host"), None);
    }

    #[test]
    fn small_letters_count_before_capitals_and_an_empty_variable_counts_as_none() {
        let both = [("http_proxy", "small"), ("HTTP_PROXY", "capital")];
        assert_eq!(asked(&both, "ws://host").unwrap(), "http://small:80");
        let empty = [("http_proxy", ""), ("HTTP_PROXY", "capital")];
        assert_eq!(asked(&empty, "ws://host").unwrap(), "http://capital:80");
        let no = [("all_proxy", "a"), ("no_proxy", "host"), ("NO_PROXY", "other")];
        assert_eq!(asked(&no, "ws://host"), None);
        assert_eq!(asked(&no, "ws://other").unwrap(), "http://a:80");
    }

    #[test]
    fn http_proxy_is_ignored_where_a_client_can_set_it() {
        let cgi = [("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "http://evil"), ("ALL_PROXY", "good")];
        assert_eq!(asked(&cgi, "ws://host").unwrap(), "http://good:80");
        assert_eq!(asked(&cgi[..2], "ws://host"), None);
        // Even an invalid URL in this variable must not cause an error.
        assert_eq!(asked(&[cgi[0], ("HTTP_PROXY", "ftp://evil")], "ws://host"), None);
    }

    #[test]
    fn hosts_of_no_proxy_are_connected_to_without_one() {
        let to = |no, url| asked(&[("ALL_PROXY", "http://p"), ("NO_PROXY", no)], url).is_none();
        let list = "example.com, .example.org,10.0.0.0/8,192.0.2.1,fd00::/8,localhost";
        for direct in [
            "ws://example.com",
            "wss://EXAMPLE.com:8443/",
            "ws://a.b.example.com",
            "ws://example.org",
            "ws://a.example.org",
            "ws://10.1.2.3",
            "ws://192.0.2.1:9000",
            "ws://[fd00::1]",
            "ws://localhost",
        ] {
            assert!(to(list, direct), "{direct}");
        }
        for proxied in [
            "ws://notexample.com",
            "ws://com",
            "ws://example.com.net",
            "ws://11.0.0.1",
            "ws://192.0.2.2",
            "ws://[fe80::1]",
        ] {
            assert!(!to(list, proxied), "{proxied}");
        }
        for all in ["*", "example.com, *"] {
            assert!(to(all, "ws://host") && to(all, "ws://127.0.0.1") && to(all, "ws://[::1]"));
        }
        assert!(!to("", "ws://host"));
    }

    #[test]
    fn a_variable_that_has_no_url_of_a_proxy_is_an_error_that_does_not_repeat_it() {
        for (name, wrong) in [
            ("HTTPS_PROXY", "ftp://user:secret@host"),
            ("all_proxy", "socks4://user:secret@host"),
            ("http_proxy", "http://user:secret@"),
            ("ALL_PROXY", "http://user:secret@host:99999"),
            ("HTTP_PROXY", "not a secret URL"),
        ] {
            let error = read(&[(name, wrong)]).unwrap_err();
            assert_eq!(error.variable, Some(name));
            assert!(error.to_string().contains(name) && !error.to_string().contains("secret"));
        }
    }
}
