package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"
)

func setSecurityHeaders(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
}

// guard says why a request is not let in.
func (s *Server) guard(r *http.Request) error {
	if !s.knownHost(r.Host) {
		return forbidden("This device does not answer to that host name. Use localhost, or start it with the address it is to answer to.")
	}
	if !ownOrigin(r) {
		return forbidden("A web page of another origin may not use this API.")
	}
	// Whoever wants a dot as an id escapes it: clients take a plain one for a step.
	if p := r.URL.EscapedPath(); p == "" || p[0] != '/' || path.Clean(p) != p {
		return &problem{Status: http.StatusNotFound, Detail: "There is nothing at this path: it is not in its plain form."}
	}
	if r.URL.Path != healthPath && !s.knownToken(r) {
		return &problem{Status: http.StatusUnauthorized, Detail: "The header Authorization: Bearer TOKEN is needed, with the token of this device's data directory."}
	}
	return nil
}

// knownHost keeps out pages that had a name of theirs resolve to this machine
// (DNS rebinding).
func (s *Server) knownHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	if ip, err := netip.ParseAddr(host); err == nil && ip.Unmap().IsLoopback() {
		return true
	}
	return host == "localhost" || s.hosts[host]
}

func ownOrigin(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return false
	}
	for _, origin := range r.Header.Values("Origin") {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || !strings.EqualFold(u.Host, r.Host) {
			return false
		}
	}
	return true
}

func (s *Server) knownToken(r *http.Request) bool {
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token := s.cfg.Token()
	// Hashes are of one length, so that the time tells nothing.
	a, b := sha256.Sum256([]byte(strings.TrimSpace(given))), sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1 && token != "" && strings.EqualFold(scheme, "Bearer")
}
