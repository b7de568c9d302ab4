package sim

import (
	"fmt"
	"slices"
	"strings"

	"musafir/crdt"
	"musafir/node/clinic"
)

// noteKeys takes note of the records that a new entry touches.
func (w *World) noteKeys(n int, it *crdt.Item) error {
	if w.ward == nil {
		return nil
	}
	e, err := crdt.ParseEntry(it.Raw)
	if err != nil {
		return err
	}
	client, _, pushed := strings.Cut(e.Phone, " ")
	_, err = crdt.EachTouched(it.Raw, func(key crdt.RecordKey) (bool, error) {
		w.book.entries[n].keys = append(w.book.entries[n].keys, key)
		if pushed {
			w.ward.push(rowOf{client, key}, n)
		}
		return true, nil
	})
	return err
}

// push takes note of an entry which says what a phone has of a row.
func (d *ward) push(at rowOf, n int) { d.own[at] = append(d.own[at], n) }

// lose takes note that an entry was lost with a disk, with something of these records: phones may
// have it. If it says what a phone got, that is not known any more.
func (d *ward) lose(n int, keys []crdt.RecordKey) {
	for _, r := range d.phones {
		for _, a := range r.answers {
			for _, x := range a.rows {
				d.gone[x.key] = d.gone[x.key] || a.cursor != 0 && a.cursor == n
			}
		}
	}
	for _, key := range keys {
		d.gone[key] = true
	}
}

// checkClaims: whatever was superseded or deleted, by a phone, had been seen by it.
func (w *World) checkClaims() {
	m, err := w.Machines[0].proc.store.Moment()
	if err != nil {
		w.fail("%v", err)
		return
	}
	defer m.Close()
	short := map[crdt.ShortID]int{}
	for id, n := range w.book.byID {
		short[id.Short()] = n
	}
	for i := range clinic.Tables {
		err := m.Scan(clinic.Tables[i].Name, "", true, func(r *crdt.Record) (bool, error) {
			touches, err := m.Touches(r.Key)
			if err != nil {
				return false, err
			}
			if err = w.checkTouches(r.Key, touches, short); err != nil {
				w.logTouches(touches, nil)
			}
			return err == nil, err
		})
		if err != nil {
			w.fail("%v", err)
		}
	}
}

func (w *World) checkTouches(key crdt.RecordKey, touches []*crdt.Touch, short map[crdt.ShortID]int) error {
	by := map[crdt.ShortID]*crdt.Touch{}
	for _, t := range touches {
		by[t.Entry.Short()] = t
	}
	for _, t := range touches {
		client, mark, of := originOf(t)
		if !of || client == "" {
			continue
		}
		for nth, name := range t.Change.Names {
			v := by[name]
			if v == nil {
				continue
			}
			other, _, _ := originOf(v)
			taken := v.Change.Dead && w.ward.took[seenKey{client, mark}].has(short[name]) // and its user took that back
			if other != client && !taken && !w.ward.had(client, mark, short[name]) {
				return fmt.Errorf("%s: what %s wrote in %s, presenting %d, supersedes what %s wrote in %s, which it had not seen",
					key, client, w.book.words(w.book.byID[t.Entry]), mark, v.Phone, w.book.words(short[name]))
			}
			if v.Change.Dead && !t.Change.Dead && claimsLife(t, nth) && !w.ward.undone[rowOf{client, key}] && !deletedAgain(touches, t) {
				return fmt.Errorf("%s: what %s wrote in %s undoes a deletion, and its user did not", key, client, w.book.words(w.book.byID[t.Entry]))
			}
		}
	}
	return nil
}

// deletedAgain tells whether the phone that wrote something deleted the record after it: a
// forced upload writes what is deleted, and deletes it.
func deletedAgain(touches []*crdt.Touch, t *crdt.Touch) bool {
	client, _, _ := originOf(t)
	return slices.ContainsFunc(touches, func(d *crdt.Touch) bool {
		by, _, _ := originOf(d)
		return d.Change.Dead && by == client && slices.Contains(d.Change.Names, t.Entry.Short())
	})
}

// claimsLife tells whether a change supersedes the liveness that one of its names wrote.
func claimsLife(t *crdt.Touch, nth int) bool {
	for _, i := range t.Change.Supersedes {
		if int(i) == nth {
			return true
		}
	}
	return false
}

func originOf(t *crdt.Touch) (client string, mark int64, ok bool) {
	client, text, ok := strings.Cut(t.Phone, " ")
	_, err := fmt.Sscan(text, &mark)
	return client, mark, ok && err == nil
}

// had tells whether a phone that presents a watermark has an entry. Of one that nobody
// gave it, the app's own, it is known that it has what it ever had.
func (d *ward) had(client string, mark int64, n int) bool {
	if s, known := d.seen[seenKey{client, mark}]; known {
		return s.has(n)
	}
	if mark == 0 {
		return false
	}
	for key, s := range d.seen {
		if key.client == client && s.has(n) {
			return true
		}
	}
	return false
}

// checkWard looks at the phones and the records after all is healed.
func (w *World) checkWard() {
	if w.err != nil {
		return
	}
	w.checkClaims()
	for _, r := range w.ward.phones {
		w.checkSame(r)
		w.ward.counts["rows that were passed over"] += r.app.Skipped
		if n := r.app.Pending(); n > 0 {
			w.fail("%s has %d rows that it never pushed", r.Name, n)
		}
	}
	w.checkDumps()
}

// checkSame: a phone shows what one shows that gets all at once.
func (w *World) checkSame(r *Roamer) {
	if w.err != nil || w.Blind {
		return
	}
	m, err := w.Machines[0].proc.store.Moment()
	if err != nil {
		w.fail("%v", err)
		return
	}
	defer m.Close()
	a := &answer{known: true, holds: w.Machines[0].holds}
	if err := w.expect(a, momentLook{m}, r); err != nil {
		w.fail("%v", err)
		return
	}
	if why := r.lacks(a); why != "" {
		w.fail("in the end %s (%s, %d): %s", r.Name, r.app.ClientID, r.app.Watermark(), why)
	}
}

// checkDumps: phones of one user show the same, where nothing is kept from them for good.
func (w *World) checkDumps() {
	if w.ward.buries || len(w.ward.gone) > 0 || w.ward.scoped {
		return
	}
	first := map[string]*Roamer{}
	for _, r := range w.ward.phones {
		other := first[r.who.User]
		if other == nil {
			first[r.who.User] = r
		} else if w.err == nil && r.app.Dump() != other.app.Dump() {
			w.fail("%s and %s do not show the same", other.Name, r.Name)
		}
	}
}
