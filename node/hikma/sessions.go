package hikma

import (
	"slices"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2" // forgets who did not come for longest
)

// How many sessions are kept in mind. Whoever is forgotten shakes hands again.
const (
	clientsMax    = 4096
	keysPerClient = 4 // of strangers
)

// noncesMax is how many requests a session is good for. The app shakes hands before each
// sync, which is two or three of them.
const noncesMax = 128

// A session is what a phone and this device agreed on when they shook hands.
type session struct {
	key  sessionKey
	name string // of the phone; "" if it did not say

	number uint64             // of those that were begun here
	used   [][nonceBytes]byte // of what was opened, so that nothing is done twice
}

// sessions are those of each client id. Anybody may shake hands under any id: that ends
// nobody else's session, and those who showed who they are have a place of their own. Of
// those a phone has one: whoever listened may send what was sealed in an older one only
// now, and it would undo what the phone sent since.
type sessions struct {
	mu        sync.Mutex
	begun     uint64
	strangers *lru.Cache[string, []*session]
	seen      *lru.Cache[string, *session]
}

func newSessions() *sessions {
	return &sessions{strangers: newCache[[]*session](clientsMax), seen: newCache[*session](clientsMax)}
}

func newCache[V any](size int) *lru.Cache[string, V] {
	c, err := lru.New[string, V](size)
	if err != nil {
		panic("make cache: " + err.Error()) // only of a size below 1
	}
	return c
}

// begin keeps a new session.
func (s *sessions) begin(client string, made *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun++
	made.number = s.begun
	old, _ := s.strangers.Get(client)
	s.strangers.Add(client, append([]*session{made}, old[:min(len(old), keysPerClient-1)]...))
}

// of are the sessions of a client, those first that are most likely to be meant.
func (s *sessions) of(client string) []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	strange, _ := s.strangers.Get(client)
	list := slices.Clone(strange)
	if seen, ok := s.seen.Get(client); ok {
		list = append(list, seen)
	}
	return list
}

// use takes a nonce of what was opened, and refuses one that was there before. A session
// of which no more can be kept in mind ends.
func (s *sessions) use(client string, in *session, nonce [nonceBytes]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case slices.Contains(in.used, nonce):
		return errAgain
	case len(in.used) == noncesMax:
		s.end(client, func(x *session) bool { return x == in })
		return errNoSession
	}
	in.used = append(in.used, nonce)
	return nil
}

// trust says that it was the phone that began a session, and ends the older ones of that
// phone. It is false if the session is such a one.
func (s *sessions) trust(client string, shown *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if newest, ok := s.seen.Get(client); ok && newest.number > shown.number {
		return false
	}
	s.end(client, func(x *session) bool { return x.number <= shown.number })
	s.seen.Add(client, shown)
	return true
}

// trusts tells whether somebody showed to be a client.
func (s *sessions) trusts(client string) bool { return s.seen.Contains(client) }

// end forgets some of the sessions of a client.
func (s *sessions) end(client string, which func(*session) bool) {
	if strange, ok := s.strangers.Get(client); ok {
		s.strangers.Add(client, slices.DeleteFunc(slices.Clone(strange), which))
	}
	if seen, ok := s.seen.Get(client); ok && which(seen) {
		s.seen.Remove(client)
	}
}
