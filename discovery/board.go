package discovery

import (
	"crypto/rand"
	mathrand "math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	texts       = 3           // strings in each answer, sealed or filler
	maxSealKeys = 16          // of those that Config.Seal lists
	fresh       = time.Second // for which an answer is given again: a flood of questions costs one sealing
	maxGiven    = 4096        // answers in this time: one packet can ask thousands of times
	renameEach  = time.Hour   // names by which a stranger could follow a device
	nameLetters = 16          // 80 random bits
	localDomain = ".local."
)

// A guise is what a stranger sees of us. Nothing in it lasts.
type guise struct {
	instance string // in full
	host     string
	mark     mark
	since    time.Time
}

func newGuise(now time.Time) guise {
	var m [2]byte
	rand.Read(m[:]) // never fails
	return guise{
		instance: randomName() + instanceSuffix,
		host:     randomName() + localDomain,
		mark:     mark(m[0])<<8 | mark(m[1]) | 1, // never none: that is how others ask
		since:    now,
	}
}

func randomName() string { return strings.ToLower(rand.Text()[:nameLetters]) }

// A board is what all servers of this device answer with.
type board struct {
	notice func() (Notice, bool)
	keys   func() [][]byte

	mu     sync.Mutex // guards what follows
	addrs  []netip.Addr
	guise  guise
	past   string // the instance before this one
	hung   []string
	hungAt time.Time
	given  int // times what hangs was read
	turn   int
	closed bool
}

// face is what to show now, renewed when it is old.
func (b *board) face(now time.Time) guise {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.renewed(now)
}

func (b *board) renewed(now time.Time) guise {
	if age := now.Sub(b.guise.since); b.guise.instance == "" || age >= renameEach {
		b.past = b.guise.instance
		b.guise = newGuise(now)
	}
	return b.guise
}

// ours tells whether an instance is, or just was, our own.
func (b *board) ours(instance string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return instance == b.guise.instance || instance == b.past
}

// setAddrs changes what is advertised from the next question on.
func (b *board) setAddrs(addrs []netip.Addr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Equal(b.addrs, addrs) {
		b.addrs, b.hungAt = addrs, time.Time{}
	}
}

// close ends all answers. When it returns, neither function of the board is running
// nor will it run again, although servers of the library may.
func (b *board) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
}

// read gives the strings of an answer; none: nothing is to be answered.
func (b *board) read(now time.Time) (guise, []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return guise{}, nil
	}
	if age := now.Sub(b.hungAt); b.hungAt.IsZero() || age < 0 || age >= fresh {
		b.hung, b.hungAt, b.given = b.write(), now, 0
		b.turn++
	}
	if b.given++; b.given > maxGiven {
		return guise{}, nil
	}
	return b.renewed(now), b.hung
}

// write seals anew. The order of the strings says nothing either.
func (b *board) write() []string {
	if b.notice == nil || b.keys == nil {
		return nil
	}
	n, ok := b.notice()
	if !ok {
		return nil
	}
	n.Addrs = b.addrs
	plain, err := n.encode()
	if err != nil {
		return nil
	}
	written := sealed(plain, b.keys(), b.turn)
	mathrand.Shuffle(len(written), func(i, j int) { written[i], written[j] = written[j], written[i] })
	return written
}

// sealed are a notice's strings: neither their number nor their form shows how many
// keys there are.
func sealed(plain []byte, keys [][]byte, turn int) []string {
	var written []string
	for _, key := range chosen(keys, turn) {
		l, err := newLock(key)
		if err != nil {
			continue
		}
		var nonce [nonceSize]byte
		rand.Read(nonce[:]) // never fails
		written = append(written, l.seal(plain, nonce))
	}
	for len(written) < texts {
		written = append(written, filler())
	}
	return written
}

// chosen are the keys for one answer: always the first, which is the camp's, and of
// the others those whose turn it is.
func chosen(keys [][]byte, turn int) [][]byte {
	keys = keys[:min(len(keys), maxSealKeys)]
	if len(keys) <= texts {
		return keys
	}
	picked := [][]byte{keys[0]}
	others := keys[1:]
	for i := range texts - 1 {
		picked = append(picked, others[(turn*(texts-1)+i)%len(others)])
	}
	return picked
}
