package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"time"
)

// An App is a program that has a token of its own.
type App struct {
	Hash     [sha256.Size]byte // of its token
	ReadOnly bool
	Origin   string // of the web app that it is, as browsers write it; "" if it is none
}

// An asker is whoever a token stands for.
type asker struct {
	standing standing
	hash     [sha256.Size]byte // of the token
	origin   string
}

// Wrong tokens are answered with the reason as long as there are few of them.
const (
	wrongTokensMax  = 20              // at once
	wrongTokenEvery = 3 * time.Second // one more
)

// askers are all who have a token now.
func (s *Server) askers() (all []asker) {
	if token := s.cfg.Token(); token != "" {
		all = append(all, asker{standing: owner, hash: sha256.Sum256([]byte(token))})
	}
	if s.cfg.Apps == nil {
		return all
	}
	for _, app := range s.cfg.Apps() {
		a := asker{standing: writer, hash: app.Hash, origin: app.Origin}
		if app.ReadOnly {
			a.standing = reader
		}
		all = append(all, a)
	}
	return all
}

// withHash finds who has a token. It looks at all of them, and hashes are of one
// length, so that the time tells nothing of any token.
func withHash(known []asker, hash [sha256.Size]byte) (asker, bool) {
	found := -1
	for i := range known {
		equal := subtle.ConstantTimeCompare(hash[:], known[i].hash[:])
		found = subtle.ConstantTimeSelect(equal, i, found)
	}
	if found < 0 {
		return asker{}, false
	}
	return known[found], true
}

// identify tells whose token a request carries.
func (s *Server) identify(r *http.Request, known []asker) (asker, error) {
	token := bearer(r)
	if token == "" {
		return asker{}, &problem{Status: http.StatusUnauthorized,
			Detail: "The header Authorization: Bearer TOKEN is needed, with the token in the file api-token of this device's data directory, or one that musafir token add makes."}
	}
	if a, ok := withHash(known, sha256.Sum256([]byte(token))); ok {
		return a, nil
	}
	return asker{}, s.wrongToken()
}

// wrongToken limits those who try tokens. Whoever has a right one never comes here.
func (s *Server) wrongToken() error {
	if !s.wrong.Allow() {
		return &problem{Status: http.StatusTooManyRequests, retry: wrongTokenEvery,
			Detail: "That token is wrong, and too many wrong ones came before it. A right one is still taken at once."}
	}
	return &problem{Status: http.StatusUnauthorized,
		Detail: "That token is wrong: it is mistyped, or was removed or replaced. The device's own is in the file api-token of its data directory; musafir token list shows which apps have one."}
}

// bearer is the token of a request, "" if it has none.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// stillKnown tells whether the token that a long answer began with is as it was.
func (c *call) stillKnown(s *Server) bool {
	now, ok := withHash(s.askers(), c.by.hash)
	return ok && now == c.by
}
