//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"net/http"
	"strings"
	"testing"

	"musafir/crdt"
	"musafir/node/wire"
)

// TestHostileForgeries: a member sends what is forged in one way or another. Nothing
// of it is taken, the session ends with the reason, and the member is kept away for a
// while and shown to people.
func TestHostileForgeries(t *testing.T) {
	t.Parallel()
	x := newSiege(t)
	x.daemons[0].load("patients", 0, 50)
	x.settle()
	for name, tt := range forgeries {
		t.Run(name, func(t *testing.T) {
			m := x.member(t, name, tt.role)
			x.under(t, 0, toll{rssSlack, rssSlack}, func() string {
				l := m.meet(x.daemons[0])
				l.say(tt.forge(x, m)...)
				fate := l.end()
				if l.bye == nil || l.bye.Code != wire.ByeRule || !strings.Contains(l.bye.Text, tt.want) {
					t.Errorf("it ended with %s, want %q", fate, tt.want)
				}
				if !m.barred(x.daemons[0]) {
					t.Error("it was not kept away")
				}
				return fate
			})
			x.nothing(t, "f")
			x.told(t, m, tt.want)
			x.admitsNobody(t)
		})
	}
}

// admitsNobody makes sure that no honest device takes for a member whom the attacker
// admitted.
func (x *siege) admitsNobody(t *testing.T) {
	t.Helper()
	for i, d := range x.daemons {
		doc, err := d.call(context.Background(), http.MethodGet, "/v1/devices", nil)
		check(t, err)
		if bytes.Contains(doc, []byte(friend)) {
			t.Errorf("device %d was made to admit somebody: %s", i, doc)
		}
	}
}

const friend = "a friend of the attacker"

// forgeries are frames that a member sends in a session, and what it is told.
var forgeries = map[string]struct {
	role, want string
	forge      func(x *siege, m *attacker) []wire.Frame
}{
	"seal of another key": {"member", "seal", func(_ *siege, m *attacker) []wire.Frame {
		_, other, _ := ed25519.GenerateKey(nil)
		p := m.parcel()
		_, id := m.write(p, &m.log, m.entry(timeNow(), nil, "f", 1))
		p.Seals[1].Seal = crdt.SealEntry(other, m.camp, id)
		return []wire.Frame{p}
	}},
	"seal of another camp": {"member", "seal", func(_ *siege, m *attacker) []wire.Frame {
		p := m.parcel()
		_, id := m.write(p, &m.log, m.entry(timeNow(), nil, "f", 1))
		p.Seals[1].Seal = crdt.SealEntry(m.key, crdt.CampID{1}, id)
		return []wire.Frame{p}
	}},
	"no seal": {"member", "seals", func(_ *siege, m *attacker) []wire.Frame {
		p := m.parcel()
		m.write(p, &m.log, m.entry(timeNow(), nil, "f", 1))
		p.Seals = p.Seals[:1]
		return []wire.Frame{p}
	}},
	"entry altered after the seal": {"member", "seal", func(_ *siege, m *attacker) []wire.Frame {
		p := m.parcel()
		m.write(p, &m.log, m.entry(timeNow(), nil, "f", 1))
		p.Runs[1].Entries[0] = m.entry(timeNow(), nil, "f", 2).Encoded()
		return []wire.Frame{p}
	}},
	"byte of an entry flipped": {"member", "seal", func(_ *siege, m *attacker) []wire.Frame {
		p := m.parcel()
		m.write(p, &m.log, m.entry(timeNow(), nil, "f", 1))
		raw := p.Runs[1].Entries[0]
		raw[len(raw)-1] ^= 1 // of the value, which so is another one
		return []wire.Frame{p}
	}},
	"bytes that are no entry": {"member", "entry", func(_ *siege, m *attacker) []wire.Frame {
		p := m.parcel()
		p.run(crdt.Place{Log: m.log.Log, Seq: 1, Prev: m.log.Head.ID}, []byte("an entry this is not"))
		return []wire.Frame{p}
	}},
	"entry in the log of A": {"member", "seal", func(x *siege, m *attacker) []wire.Frame {
		log, head := x.logOf(m, 0)
		p := &parcel{wire.Batch{End: true}}
		a := crdt.ResumeAuthor(log, head, 0, 0)
		m.write(p, &a, m.entry(timeNow(), nil, "f", 1))
		return []wire.Frame{p}
	}},
	"log with the key of A": {"member", "seal", func(x *siege, m *attacker) []wire.Frame {
		key, _ := crdt.DeviceID(x.daemons[0].identity()).PublicKey()
		first := m.admitted.Members()[0]
		b := &crdt.Birth{Camp: m.camp, Kind: crdt.RecordLog, Device: key, Admission: first.Admission, Ordinal: 9}
		return m.birthFrames(b, crdt.Dep{Log: crdt.LogID(m.camp), ID: crdt.EntryID(m.camp)})
	}},
	"own key under the admission of A": {"member", "its key is not the one that was admitted", func(x *siege, m *attacker) []wire.Frame {
		b := &crdt.Birth{
			Camp: m.camp, Kind: crdt.RecordLog, Device: m.key.Public().(ed25519.PublicKey),
			Admission: m.admitted.Members()[0].Admission, Ordinal: 9,
		}
		return m.birthFrames(b, crdt.Dep{Log: crdt.LogID(m.camp), ID: crdt.EntryID(m.camp)})
	}},
	"log that goes on from that of A": {"member", "", func(x *siege, m *attacker) []wire.Frame {
		log, head := x.logOf(m, 0)
		b := &crdt.Birth{
			Camp: m.camp, Kind: crdt.RecordLog, Device: m.key.Public().(ed25519.PublicKey),
			Admission: m.admitted.Members()[0].Admission, Ordinal: 9, Continues: log,
		}
		b.Proof = crdt.ContinuationProof(m.key, m.camp, log, b.Device, b.Incarnation)
		return m.birthFrames(b, crdt.Dep{Log: crdt.LogID(m.camp), ID: crdt.EntryID(m.camp)}, crdt.Dep{Log: log, Seq: head.Seq, ID: head.ID})
	}},
	"log of another camp": {"member", "", func(_ *siege, m *attacker) []wire.Frame {
		b := &crdt.Birth{Camp: crdt.CampID{1}, Kind: crdt.RecordLog, Device: m.key.Public().(ed25519.PublicKey), Admission: m.self.Admission, Ordinal: 9}
		return m.birthFrames(b, m.admission)
	}},
	"member that admits": {"member", "admits nobody", func(_ *siege, m *attacker) []wire.Frame {
		p := m.parcel()
		m.write(p, &m.log, m.made(timeNow(), nil, m.admissionOf(stranger(m.t))))
		return []wire.Frame{p}
	}},
	"member with a control log": {"member", "no coordinator", func(_ *siege, m *attacker) []wire.Frame {
		return m.controlFrames()
	}},
	"reader with a control log": {"reader", "no coordinator", func(_ *siege, m *attacker) []wire.Frame {
		return m.controlFrames()
	}},
	"reader that writes": {"reader", "may read and not write", func(_ *siege, m *attacker) []wire.Frame {
		birth, log := m.born(crdt.RecordLog, 1)
		p := &parcel{wire.Batch{End: true}}
		p.run(crdt.Place{Log: log}, birth.Encoded())
		p.seal(log, 0, crdt.SealEntry(m.key, m.camp, crdt.EntryID(log)))
		a := crdt.ResumeAuthor(log, crdt.Head{ID: crdt.EntryID(log)}, 0, 0)
		m.write(p, &a, m.entry(timeNow(), nil, "f", 1))
		return []wire.Frame{p}
	}},
	"record in the control log of A": {"member", "seal", func(_ *siege, m *attacker) []wire.Frame {
		p := &parcel{wire.Batch{End: true}}
		a := crdt.ResumeAuthor(crdt.LogID(m.camp), crdt.Head{ID: crdt.EntryID(m.camp)}, 0, 0)
		m.write(p, &a, m.entry(timeNow(), nil, "f", 1))
		return []wire.Frame{p}
	}},
}

// birthFrames is a batch with the birth of a log alone, sealed by the attacker.
func (m *attacker) birthFrames(b *crdt.Birth, deps ...crdt.Dep) []wire.Frame {
	m.t.Helper()
	change, err := b.Change()
	check(m.t, err)
	sorted := []crdt.Dep(nil)
	for _, d := range deps {
		sorted = crdt.WithDep(sorted, d)
	}
	e := m.made(timeNow(), sorted, change)
	log := crdt.LogID(e.ID(crdt.Place{}))
	p := &parcel{wire.Batch{End: true}}
	p.run(crdt.Place{Log: log}, e.Encoded())
	p.seal(log, 0, crdt.SealEntry(m.key, m.camp, crdt.EntryID(log)))
	return []wire.Frame{p}
}

// controlFrames is a control log of the attacker that admits somebody.
func (m *attacker) controlFrames() []wire.Frame {
	birth, log := m.born(crdt.ControlLog, 1)
	p := &parcel{wire.Batch{End: true}}
	p.run(crdt.Place{Log: log}, birth.Encoded())
	p.seal(log, 0, crdt.SealEntry(m.key, m.camp, crdt.EntryID(log)))
	a := crdt.ResumeAuthor(log, crdt.Head{ID: crdt.EntryID(log)}, 0, 0)
	m.write(p, &a, m.made(timeNow(), nil, m.admissionOf(stranger(m.t))))
	return []wire.Frame{p}
}

func (m *attacker) admissionOf(s *attacker) crdt.Change {
	m.t.Helper()
	change, err := (&crdt.Admission{Device: s.key.Public().(ed25519.PublicKey), Role: crdt.RoleCoordinator, Name: friend}).Change()
	check(m.t, err)
	return change
}
