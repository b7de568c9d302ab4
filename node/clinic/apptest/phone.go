package apptest

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/google/uuid" // ids as the app mints them
)

// A Phone is one with the app on it. It is not for several goroutines at once.
type Phone struct {
	// ClientID is what the app calls itself to hubs: a UUID for each time it is installed.
	ClientID string
	// Now is the phone's clock, in milliseconds since 1970. It may be wrong, and jump.
	Now int64

	// Lossy counts values that a hub sent and that the app replaced by nothing, because
	// they were missing or of a wrong type. Losses has the same by "table.column".
	Lossy  int
	Losses map[string]int
	// Unknown counts values that a hub sent for columns that the app does not have.
	Unknown int
	// Skipped counts rows that a hub sent as updated and that were not here, or here only
	// as tombstones: the app ignores them.
	Skipped int

	random *rand.Rand
	rows   map[string]map[string]*row // by table and id
	order  int                        // of the newest row
	peers  []*peer
	active string // of the peers: the id of the one that the user chose, "" if none
}

// A peer is a hub to which the phone was paired.
type peer struct {
	hubID     string
	watermark int64 // the timestamp of the last pull that led to a whole sync
}

// New is a phone on which the app was just installed. Phones with the same client id and
// seed do the same.
func New(clientID string, seed uint64) *Phone {
	h := fnv.New64a()
	h.Write([]byte(clientID))
	p := &Phone{ClientID: clientID, Losses: map[string]int{}, random: rand.New(rand.NewPCG(seed, h.Sum64()))}
	p.Reset()
	return p
}

// Reset wipes the app's database, and with it what it knows of hubs. The client id stays.
func (p *Phone) Reset() {
	p.rows, p.peers, p.active = map[string]map[string]*row{}, nil, ""
	for _, name := range names {
		p.rows[name] = map[string]*row{}
	}
}

// Reinstall is a new installation of the app on the phone: empty, with a new client id.
func (p *Phone) Reinstall() {
	p.Reset()
	id := p.randomUUID(4)
	p.ClientID = id.String()
}

// Pair makes a hub known to the app, as scanning its code does. With two of them the app
// goes on using the watermark of the one that was paired first, whichever it talks to,
// until its user chooses.
func (p *Phone) Pair(hubID string) { p.peer(hubID) }

// Choose is the user choosing a hub in the settings.
func (p *Phone) Choose(hubID string) { p.active = p.peer(hubID).hubID }

// Watermark is what the app presents with its next pull.
func (p *Phone) Watermark() int64 { return p.syncPeer().watermark }

// syncPeer is the hub whose watermark the app uses. A phone that was never paired has one
// without a name.
func (p *Phone) syncPeer() *peer {
	if p.active == "" && len(p.peers) > 0 {
		return p.peers[0]
	}
	return p.peer(p.active)
}

func (p *Phone) peer(hubID string) *peer {
	if i := slices.IndexFunc(p.peers, func(x *peer) bool { return x.hubID == hubID }); i >= 0 {
		return p.peers[i]
	}
	x := &peer{hubID: hubID}
	p.peers = append(p.peers, x)
	return x
}

// NewID is an id as the app gives to its rows: a UUID of version 7, by the phone's clock.
func (p *Phone) NewID() string {
	id := p.randomUUID(7)
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(max(0, p.Now)))
	copy(id[:6], ms[2:])
	return id.String()
}

func (p *Phone) randomUUID(version byte) (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[:8], p.random.Uint64())
	binary.BigEndian.PutUint64(id[8:], p.random.Uint64())
	id[6] = id[6]&0x0f | version<<4
	id[8] = id[8]&0x3f | 0x80
	return id
}

// Row is a row as the database has it, tombstones too; nil if it does not have it.
func (p *Phone) Row(table, id string) Row {
	t := tableOf(table)
	if r := p.rows[table][id]; r != nil {
		return r.view(t)
	}
	return nil
}

// Rows are all that the database has of a table, tombstones too, in the order of their ids.
func (p *Phone) Rows(table string) (rows []Row) {
	t := tableOf(table)
	for _, id := range slices.Sorted(maps.Keys(p.rows[table])) {
		rows = append(rows, p.rows[table][id].view(t))
	}
	return rows
}

// Visible are the rows of a table that the app shows, in the order of their ids: neither
// tombstones nor those with is_deleted.
func (p *Phone) Visible(table string) []Row {
	return slices.DeleteFunc(p.Rows(table), func(r Row) bool { return !r.visible() })
}

// Pending is how many rows the next sync pushes.
func (p *Phone) Pending() (n int) {
	for _, name := range pushOrder {
		for _, r := range p.rows[name] {
			if pending(r) {
				n++
			}
		}
	}
	return n
}

// Dump is what the app shows, a row a line, to compare phones. What is only this phone's
// is left out: its own tables, _status, _changed, and updated_at, which the app sets anew
// when it notes that a row was pushed, and then tells nobody.
func (p *Phone) Dump() string {
	var b strings.Builder
	for _, name := range names {
		t := schema[name]
		if t.deviceOnly {
			continue
		}
		for _, r := range p.Visible(name) {
			fmt.Fprintf(&b, "%s %s", name, r["id"])
			for _, c := range t.Columns {
				if c.Name != updatedAt {
					fmt.Fprintf(&b, " %s=%s", c.Name, Stringify(r[c.Name]))
				}
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}
