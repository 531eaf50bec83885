//! Which address a request comes from, behind any number of proxies (platform spec §12.2).
//!
//! One walk serves both settings: start at the TCP peer and, as long as the current address is a proxy we
//! trust, step to the next entry of the forwarding header from the right. What a client writes into the
//! header itself stands left of what our own proxies append, so it is never reached. Entries that are no
//! address (`unknown`, `_hidden`) end the walk.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, header};

use crate::settings::ProxyTrust;

/// The TCP peer of the connection; the server puts it into the extensions of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// The address the request comes from, as far as it can be believed; `None` without a known peer.
/// Its text form is the key of the rate limits: the address, or `unknown`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientIp(pub Option<IpAddr>);

impl fmt::Display for ClientIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("unknown"),
        }
    }
}

impl ProxyTrust {
    /// Whether `address` is a proxy of ours by either setting.
    #[must_use]
    pub fn is_proxy(&self, address: IpAddr) -> bool {
        self.is_forwarder(address) || self.is_trusted(address)
    }

    fn is_trusted(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|net| net.contains(&address))
    }

    fn is_forwarder(&self, address: IpAddr) -> bool {
        self.forwarded_from_all || self.forwarded.iter().any(|net| net.contains(&address))
    }
}

/// Finds the client of a request.
///
/// `X-Forwarded-For` is read when the peer is a proxy by either setting, `Forwarded` only when it is one of
/// `TRUSTED_PROXIES`. A proxy that writes one of the two passes the other through as the client sent it, and
/// nothing tells which is which: when both are there and disagree, neither is believed and the proxy itself
/// counts as the client.
#[must_use]
pub fn client_ip(peer: Option<IpAddr>, headers: &HeaderMap, trust: &ProxyTrust) -> ClientIp {
    let Some(peer) = peer.map(|address| address.to_canonical()) else { return ClientIp(None) };
    if !trust.is_proxy(peer) {
        return ClientIp(Some(peer));
    }
    let plain = headers
        .contains_key("x-forwarded-for")
        .then(|| walk(peer, trust, entries(headers, "x-forwarded-for").map(parse_node)));
    let standard = (trust.is_trusted(peer) && headers.contains_key(header::FORWARDED))
        .then(|| walk(peer, trust, entries(headers, "forwarded").map(parse_element)));
    let client = match (standard, plain) {
        (Some(standard), Some(plain)) if standard != plain => peer,
        (Some(found), _) | (None, Some(found)) => found,
        (None, None) => peer,
    };
    ClientIp(Some(client))
}

/// The `http` or `https` with which the client reached the outermost proxy, if a proxy of ours says so.
#[must_use]
pub fn forwarded_proto(
    peer: Option<IpAddr>,
    headers: &HeaderMap,
    trust: &ProxyTrust,
) -> Option<&'static str> {
    peer.map(|address| address.to_canonical()).filter(|peer| trust.is_proxy(*peer))?;
    let last = headers.get_all("x-forwarded-proto").iter().next_back()?.to_str().ok()?;
    let last = last.rsplit(',').next().unwrap_or_default().trim();
    ["http", "https"].into_iter().find(|scheme| last.eq_ignore_ascii_case(scheme))
}

fn walk(peer: IpAddr, trust: &ProxyTrust, hops: impl Iterator<Item = Option<IpAddr>>) -> IpAddr {
    let mut current = peer;
    for hop in hops {
        match hop {
            Some(address) if trust.is_proxy(current) => current = address,
            _ => break,
        }
    }
    current
}

/// The comma-separated entries of all occurrences of a header, from the right. Commas inside quotes do not
/// separate; bytes that are no text become an entry that is no address.
fn entries<'a>(headers: &'a HeaderMap, name: &'static str) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().rev().flat_map(|value| {
        let mut quoted = false;
        let text = value.to_str().unwrap_or("?");
        let mut parts: Vec<&str> = text
            .split(|character: char| {
                quoted ^= character == '"';
                character == ',' && !quoted
            })
            .collect();
        parts.reverse();
        parts
    })
}

/// One element of `Forwarded`: `for=192.0.2.1;proto=https`.
fn parse_element(element: &str) -> Option<IpAddr> {
    element.split(';').find_map(|pair| {
        let (name, node) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| parse_node(node))
    })?
}

/// One address with an optional port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`,
/// each optionally in quotes.
fn parse_node(node: &str) -> Option<IpAddr> {
    let node = node.trim().trim_matches('"').trim();
    let parsed = if let Some(rest) = node.strip_prefix('[') {
        rest.split_once(']')?.0.parse()
    } else {
        match node.split_once(':') {
            // A second colon means an IPv6 address without brackets, which has no port.
            Some((address, port)) if !port.contains(':') => address.parse(),
            _ => node.parse(),
        }
    };
    parsed.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust(trusted: &str, forwarded: &str) -> ProxyTrust {
        let mut trust = ProxyTrust { trusted: ProxyTrust::parse_trusted(trusted).0, ..ProxyTrust::default() };
        assert_eq!(trust.set_forwarded(forwarded), 0);
        trust
    }

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(*name, value.parse().expect("a header value"));
        }
        map
    }

    fn found(peer: &str, lines: &[(&'static str, &str)], trust: &ProxyTrust) -> String {
        client_ip(Some(peer.parse().expect("an address")), &headers(lines), trust).to_string()
    }

    const XFF: &str = "x-forwarded-for";

    #[test]
    fn only_proxies_are_believed() {
        let defaults = ProxyTrust::default();
        assert_eq!(found("203.0.113.9", &[(XFF, "1.1.1.1")], &defaults), "203.0.113.9");
        assert_eq!(found("127.0.0.1", &[(XFF, "1.1.1.1")], &defaults), "1.1.1.1");
        assert_eq!(found("::ffff:127.0.0.1", &[(XFF, "1.1.1.1")], &defaults), "1.1.1.1");
        assert_eq!(found("127.0.0.1", &[(XFF, "1.1.1.1")], &trust("", "")), "127.0.0.1");
        assert_eq!(found("203.0.113.9", &[(XFF, "1.1.1.1")], &trust("", "*")), "1.1.1.1");
        assert_eq!(client_ip(None, &headers(&[(XFF, "1.1.1.1")]), &trust("", "*")).to_string(), "unknown");
    }

    #[test]
    fn the_walk_goes_from_the_right_over_trusted_hops() {
        let trust = trust("10.0.0.0/8", "127.0.0.1");
        for (value, expected) in [
            ("6.6.6.6, 1.1.1.1", "1.1.1.1"),
            ("6.6.6.6, 1.1.1.1, 10.0.0.2, 10.0.0.3", "1.1.1.1"),
            ("10.0.0.4, 10.0.0.3", "10.0.0.4"),
            ("1.1.1.1, unknown, 10.0.0.3", "10.0.0.3"),
            ("1.1.1.1, ", "10.0.0.1"),
            ("1.1.1.1:4711", "1.1.1.1"),
            ("[2001:db8::1]:80", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:1.1.1.1", "1.1.1.1"),
            ("999.1.1.1", "10.0.0.1"),
            ("1.1.1.1, 127.0.0.1", "1.1.1.1"),
        ] {
            assert_eq!(found("10.0.0.1", &[(XFF, value)], &trust), expected, "{value}");
        }
        assert_eq!(found("10.0.0.1", &[(XFF, "6.6.6.6"), (XFF, "1.1.1.1")], &trust), "1.1.1.1");
    }

    #[test]
    fn everybody_trusted_means_the_left_most() {
        assert_eq!(found("10.0.0.1", &[(XFF, "1.1.1.1, 2.2.2.2")], &trust("", "*")), "1.1.1.1");
    }

    #[test]
    fn the_standard_header_needs_a_trusted_proxy() {
        let trusted = trust("10.0.0.0/8", "127.0.0.1");
        for (value, expected) in [
            ("for=1.1.1.1;proto=https;by=10.0.0.1", "1.1.1.1"),
            ("For=\"[2001:db8::1]:4711\"", "2001:db8::1"),
            ("for=6.6.6.6, for=\"1.1.1.1:80\", for=10.0.0.9", "1.1.1.1"),
            ("for=1.1.1.1, for=_hidden", "10.0.0.1"),
            ("for=1.1.1.1, proto=https", "10.0.0.1"),
            ("host=\"a,b\";for=1.1.1.1", "1.1.1.1"),
        ] {
            assert_eq!(found("10.0.0.1", &[("forwarded", value)], &trusted), expected, "{value}");
        }
        assert_eq!(found("127.0.0.1", &[("forwarded", "for=1.1.1.1")], &trusted), "127.0.0.1");
    }

    #[test]
    fn two_headers_that_disagree_are_both_left_aside() {
        let trusted = trust("10.0.0.0/8", "");
        let both = |standard, plain| found("10.0.0.1", &[("forwarded", standard), (XFF, plain)], &trusted);
        assert_eq!(both("for=1.1.1.1", "1.1.1.1"), "1.1.1.1");
        assert_eq!(both("for=6.6.6.6", "1.1.1.1"), "10.0.0.1");
    }

    #[test]
    fn the_scheme_is_taken_from_a_proxy_only() {
        let map = headers(&[("x-forwarded-proto", "http, HTTPS")]);
        let peer = |text: &str| Some(text.parse().expect("an address"));
        assert_eq!(forwarded_proto(peer("127.0.0.1"), &map, &ProxyTrust::default()), Some("https"));
        assert_eq!(forwarded_proto(peer("203.0.113.9"), &map, &ProxyTrust::default()), None);
        let odd = headers(&[("x-forwarded-proto", "ftp")]);
        assert_eq!(forwarded_proto(peer("127.0.0.1"), &odd, &ProxyTrust::default()), None);
    }
}
