package api

import (
	"net"
	"net/http"
	"net/netip"
	"path"
	"strings"

	"musafir/node/patient"
)

func setSecurityHeaders(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
}

// guard lets in whom the API answers, and says who that is.
func (s *Server) guard(w *patient.Response, r *http.Request) error {
	if !s.knownHost(r.Host) {
		return forbidden("This device does not answer to that host name. Use localhost, or start it with the address it is to answer to.")
	}
	known := s.askers()
	page, err := pageOf(r, known)
	if err != nil {
		return err
	}
	if page != "" {
		allowPage(w.Header(), page)
	}
	// Whoever wants a dot as an id escapes it: clients take a plain one for a step.
	if p := r.URL.EscapedPath(); p == "" || p[0] != '/' || path.Clean(p) != p {
		return &problem{Status: http.StatusNotFound, Detail: "There is nothing at this path: it is not in its plain form."}
	}
	if page != "" && isPreflight(r) {
		return s.preflight(w, r)
	}
	by, err := s.admit(r, known, page)
	if err != nil {
		return err
	}
	return s.answer(w, r, by)
}

// admit finds out who asks; on the open path that may be anybody.
func (s *Server) admit(r *http.Request, known []asker, page string) (asker, error) {
	if r.URL.Path == healthPath {
		return asker{}, nil
	}
	by, err := s.identify(r, known)
	if err != nil {
		return asker{}, err
	}
	return by, by.refusePage(r, page)
}

// knownHost keeps out pages that had a name of theirs resolve to this machine
// (DNS rebinding). An address is no name: where the API is open to the network, any
// may lead here.
func (s *Server) knownHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	if ip, err := netip.ParseAddr(host); err == nil && (s.cfg.Open || ip.Unmap().IsLoopback()) {
		return true
	}
	return host == "localhost" || s.hosts[host]
}
