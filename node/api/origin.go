package api

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"musafir/node/patient"
)

// What web apps of other origins may send and see. Browsers ask before a request that
// is more than a link (CORS).
const (
	allowedHeaders = "Authorization, Content-Encoding, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Musafir-Author"
	exposedHeaders = "Allow, ETag, Idempotency-Replayed, Location, Retry-After, WWW-Authenticate"

	preflightFor = 10 * time.Minute // a browser need not ask again
)

// pageOf is the origin of the web app that asks, "" if none does or it is the API's
// own. One that no token names is refused.
func pageOf(r *http.Request, known []asker) (string, error) {
	if ownOrigin(r) {
		return "", nil
	}
	origins := r.Header.Values("Origin")
	if len(origins) == 1 && slices.ContainsFunc(known, func(a asker) bool { return a.origin != "" && a.origin == origins[0] }) {
		return origins[0], nil
	}
	return "", forbidden("A web page of another origin may use this API only with a token that names its origin: musafir token add NAME --origin URL makes one.")
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

// allowPage lets a browser hand the answer to the page. Other ways to embed it stay
// closed by Cross-Origin-Resource-Policy, which does not count here; cookies and the
// like are never asked for.
func allowPage(h http.Header, page string) {
	h.Set("Access-Control-Allow-Origin", page)
	h.Set("Access-Control-Expose-Headers", exposedHeaders)
	h.Add("Vary", "Origin")
}

// isPreflight tells whether a browser asks what a page may send. It does so without
// a token.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
}

func (s *Server) preflight(w *patient.Response, r *http.Request) error {
	x := s.find(r)
	if x == nil {
		return errNoPath
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", x.allowed())
	h.Set("Access-Control-Allow-Headers", allowedHeaders)
	h.Set("Access-Control-Max-Age", strconv.Itoa(int(preflightFor.Seconds())))
	if r.Header.Get("Access-Control-Request-Private-Network") == "true" {
		h.Set("Access-Control-Allow-Private-Network", "true")
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// refusePage holds a token to the origin that it names, and others to none.
func (a *asker) refusePage(r *http.Request, page string) error {
	switch {
	case a.origin != "" && a.origin != r.Header.Get("Origin"):
		return forbidden("This token is good only for the web app at " + a.origin + ", in a browser.")
	case a.origin == "" && page != "":
		return forbidden("This token names no origin, so no web page of another origin may use it: musafir token add NAME --origin URL makes one that does.")
	}
	return nil
}
