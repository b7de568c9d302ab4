package main

import (
	"sync"
	"time"

	"musafir/crdt"
	"musafir/node/api"
	"musafir/node/clinic"
	"musafir/node/hikma"
)

// A phoneCount is what the records say of phones, kept from one status to the next: it reads
// only what changed since. The zero value knows nothing yet.
type phoneCount struct {
	mu       sync.Mutex
	begun    bool
	feed     [16]byte
	position uint64
	held     map[string]bool // the rows held back, by their ids
	phones   []hikma.Phone
}

// PhoneSummary is how phones stand, in numbers.
func (d *device) PhoneSummary() (api.PhoneSummary, error) {
	x := &d.counted
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.read(d); err != nil {
		x.begun = false
		return api.PhoneSummary{}, err
	}
	s := api.PhoneSummary{URL: d.phones.url(), Known: len(x.phones), Held: len(x.held)}
	now := time.Now().Add(clockAhead())
	for _, p := range x.phones {
		p = d.hub.Latest(p)
		if !p.LastSync.IsZero() {
			s.Synced++
		}
		if isSameDay(p.LastSync, now) {
			s.Today++
		}
		if !p.FailedPush.At.IsZero() {
			s.Failed++
		}
	}
	return s, nil
}

// isSameDay tells whether two times are of one day, as clocks here show it.
func isSameDay(a, b time.Time) bool {
	const day = "2006-01-02"
	return a.Local().Format(day) == b.Local().Format(day)
}

// read takes in what changed.
func (x *phoneCount) read(d *device) error {
	if feed, position := d.Feed(); x.begun && feed == x.feed && position == x.position {
		return nil
	}
	look, done, err := phoneRecords{d}.Moment()
	if err != nil {
		return err
	}
	defer done()
	feed, position := look.Feed()
	if !x.begun || feed != x.feed {
		err = x.readAll(d, look)
	} else {
		err = x.readChanged(d, look)
	}
	x.begun, x.feed, x.position = true, feed, position
	return err
}

func (x *phoneCount) readAll(d *device, look clinic.Look) (err error) {
	x.held = map[string]bool{}
	if x.phones, err = d.hub.Phones(); err != nil {
		return err
	}
	return look.Scan(clinic.HeldRows, "", false, func(r *crdt.Record) (bool, error) {
		x.held[r.Key.ID] = true
		return true, nil
	})
}

func (x *phoneCount) readChanged(d *device, look clinic.Look) error {
	err := look.Changed(clinic.HeldRows, x.position, func(id string) (bool, error) {
		r, err := look.Record(crdt.RecordKey{Collection: clinic.HeldRows, ID: id})
		if err != nil {
			return false, err
		}
		if delete(x.held, id); r != nil && !r.Empty() && !r.Deleted() {
			x.held[id] = true
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	changed := false
	err = look.Changed(hikma.PhonesCollection, x.position, func(string) (bool, error) {
		changed = true
		return false, nil
	})
	if changed && err == nil {
		x.phones, err = d.hub.Phones()
	}
	return err
}
