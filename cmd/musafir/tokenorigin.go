package main

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

const originBytesMax = 300

// parseOrigin takes the origin of a web app, and writes it as browsers do: in small
// letters, without the port that goes without saying.
func parseOrigin(text string) (string, error) {
	refuse := func(why string) (string, error) {
		return "", fmt.Errorf("--origin %q %s: give scheme, host and, if need be, port, such as https://clinic.example:8443", text, why)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > originBytesMax:
		return refuse("is no address of a web app")
	case u.Scheme != "http" && u.Scheme != "https":
		return refuse("is neither http:// nor https://")
	case u.User != nil || !strings.EqualFold(u.Scheme+"://"+u.Host, text):
		return refuse("has more than an origin")
	}
	host, ok := originHost(u.Hostname())
	if !ok {
		return refuse("has no host as browsers write it (letters outside of English are written with xn--)")
	}
	port, ok := originPort(u)
	if !ok {
		return refuse("has no port that there is")
	}
	return u.Scheme + "://" + host + port, nil
}

// originHost is a name in small letters, or an address.
func originHost(host string) (string, bool) {
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.Is6() {
			return "[" + ip.String() + "]", ip.Zone() == "" && !ip.Is4In6()
		}
		return ip.String(), true
	}
	host = strings.ToLower(host)
	return host, host != "" && strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-._") == ""
}

// originPort is ":PORT", or "" where it goes without saying.
func originPort(u *url.URL) (string, bool) {
	text := u.Port()
	if text == "" {
		return "", !strings.HasSuffix(u.Host, ":")
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return "", false
	}
	if u.Scheme == "http" && port == 80 || u.Scheme == "https" && port == 443 {
		return "", true
	}
	return ":" + strconv.FormatUint(port, 10), true
}
