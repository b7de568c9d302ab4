package store

import (
	"bytes"
	"encoding/binary"
)

// What belongs to one record appears at once, but may be more than one commit of
// the database takes. Then it is written into a journal first. Once the metadata
// say that all of it is there it is a fact, and is done however often it takes.

// A step is a put as it stands in the journal.
type step struct {
	_     struct{} `cbor:",toarray"`
	Key   []byte
	Value []byte
	Del   bool
}

func journalKey(n int) []byte {
	return binary.BigEndian.AppendUint64([]byte{keyJournal}, uint64(n))
}

// commitLarge commits any number of puts, and the state that goes with them.
func (s *Store) commitLarge(puts []put, state meta) error {
	l := s.engine.limits()
	n := 0
	for len(puts) > 0 {
		some := fitting(puts, l.bytes/2, l.puts/2)
		if err := s.engine.commit([]put{journalPage(n, puts[:some])}); err != nil {
			return err
		}
		puts = puts[some:]
		n++
	}
	state.Journal = true
	if err := s.engine.commit([]put{state.put()}); err != nil {
		return err
	}
	return s.doJournal(state)
}

// fitting is how many of the puts fit into a commit, at least one.
func fitting(puts []put, bytesMax, putsMax int) (n int) {
	size := 0
	for n < len(puts) && n < putsMax {
		if size += puts[n].size(); n > 0 && size > bytesMax {
			break
		}
		n++
	}
	return max(n, 1)
}

func journalPage(n int, puts []put) put {
	steps := make([]step, len(puts))
	for i, p := range puts {
		steps[i] = step{Key: p.key, Value: p.value, Del: p.del}
	}
	return put{key: journalKey(n), value: encode(steps)}
}

// doJournal does what stands in the journal, and empties it page by page.
func (s *Store) doJournal(state meta) error {
	err := s.eachPage(func(key, page []byte) error {
		var steps []step
		if err := decMode.Unmarshal(page, &steps); err != nil {
			return err
		}
		puts := make([]put, 0, len(steps)+1)
		for _, s := range steps {
			puts = append(puts, put{key: s.Key, value: s.Value, del: s.Del})
		}
		return s.engine.commit(append(puts, put{key: key, del: true}))
	})
	if err != nil {
		return err
	}
	state.Journal = false
	return s.engine.commit([]put{state.put()})
}

func (s *Store) eachPage(visit func(key, page []byte) error) error {
	v := s.engine.view()
	defer v.close()
	var keys [][]byte
	err := v.scan([]byte{keyJournal}, nil, false, func(k, _ []byte) (bool, error) {
		keys = append(keys, bytes.Clone(k))
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, k := range keys {
		page, _, err := v.get(k)
		if err == nil {
			err = visit(k, page)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// finishJournal does what a crash left in the journal, or drops what never became
// a fact.
func (s *Store) finishJournal() error {
	v := s.engine.view()
	defer v.close()
	var state meta
	if _, err := fetch(v, []byte{keyMeta}, &state); err != nil {
		return err
	}
	if state.Journal {
		return s.doJournal(state)
	}
	return s.eachPage(func(key, _ []byte) error {
		return s.engine.commit([]put{{key: key, del: true}})
	})
}
