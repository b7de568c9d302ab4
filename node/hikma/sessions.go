package hikma

import (
	"slices"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2" // forgets who did not come for longest
)

// How many sessions are kept in mind. Whoever is forgotten shakes hands again.
const (
	clientsMax    = 4096
	keysPerClient = 4
)

// A session is what a phone and this device agreed on when they shook hands.
type session struct {
	key  sessionKey
	name string // of the phone; "" if it did not say
}

// sessions are those of each client id. Anybody may shake hands under any id: that ends
// nobody else's session, and those who showed who they are have a place of their own.
type sessions struct {
	mu              sync.Mutex
	strangers, seen *lru.Cache[string, []session]
}

func newSessions() *sessions {
	return &sessions{strangers: newCache[[]session](clientsMax), seen: newCache[[]session](clientsMax)}
}

func newCache[V any](size int) *lru.Cache[string, V] {
	c, err := lru.New[string, V](size)
	if err != nil {
		panic("make cache: " + err.Error()) // only of a size below 1
	}
	return c
}

// begin keeps a new session.
func (s *sessions) begin(client string, made session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	keep(s.strangers, client, made)
}

// of are the sessions of a client, those first that are most likely to be meant.
func (s *sessions) of(client string) []session {
	s.mu.Lock()
	defer s.mu.Unlock()
	strange, _ := s.strangers.Get(client)
	seen, _ := s.seen.Get(client)
	return slices.Concat(strange, seen)
}

// trust moves a session to those of phones that showed who they are.
func (s *sessions) trust(client string, shown session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	keep(s.seen, client, shown)
	if strange, ok := s.strangers.Get(client); ok {
		rest := slices.DeleteFunc(slices.Clone(strange), func(x session) bool { return x.key == shown.key })
		s.strangers.Add(client, rest)
	}
}

// keep puts a session before the others of its client, of which the last one goes.
func keep(in *lru.Cache[string, []session], client string, first session) {
	old, _ := in.Get(client)
	kept := []session{first}
	for _, x := range old {
		if x.key != first.key && len(kept) < keysPerClient {
			kept = append(kept, x)
		}
	}
	in.Add(client, kept)
}
