package node

import (
	"errors"
	"sync"
	"time"

	"musafir/node/access"
)

// Limits of wrong codes. There are a million names of invitations, and five wrong
// codes end one: nobody shall try them all.
const (
	wrongPerMinute = 60 // from anywhere; then only addresses that tried no wrong one are heard
	wrongHeard     = 10 * wrongPerMinute
	wrongFree      = 5 // from one address, before it has to wait
	wrongPause     = 10 * time.Second
	wrongPauseMax  = 5 * time.Minute
	wrongPast      = 10 * time.Minute // without one an address counts as new
	wrongPlaces    = 1024
)

// knocks is who tried wrong codes lately. Its methods may be called from many
// goroutines.
type knocks struct {
	mu     sync.Mutex
	recent []time.Time       // wrong ones within the last minute
	from   map[string]*tries // by address
}

type tries struct {
	wrong int
	last  time.Time
	pause time.Duration // before the next one
}

// late tells whether somebody at an address must wait before the next try.
func (k *knocks) late(place string, now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(k.recent) > 0 && now.Sub(k.recent[0]) > time.Minute {
		k.recent = k.recent[1:]
	}
	t := k.from[place]
	switch n := len(k.recent); {
	case n >= wrongHeard:
		return true
	case t == nil:
		return false
	default:
		return n >= wrongPerMinute || now.Sub(t.last) < t.pause
	}
}

// failed takes note of a wrong code.
func (k *knocks) failed(place string, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.recent = append(k.recent, now)
	if k.from == nil || len(k.from) >= wrongPlaces {
		k.from = map[string]*tries{}
	}
	t := k.from[place]
	if t == nil || now.Sub(t.last) > wrongPast {
		t = &tries{}
		k.from[place] = t
	}
	t.last = now
	if t.wrong++; t.wrong >= wrongFree {
		t.pause = min(max(2*t.pause, wrongPause), wrongPauseMax)
	}
}

// isGuess tells whether a refusal is of the kind that somebody gets who tries codes.
func isGuess(err error) bool {
	return errors.Is(err, access.ErrNoInvitation) || errors.Is(err, access.ErrWrongCode)
}
