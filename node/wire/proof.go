package wire

import "musafir/crdt"

// A Prove asks a dialer that the listener does not know for its admission.
type Prove struct{}

func (*Prove) Kind() Kind                            { return KindProve }
func (*Prove) check() error                          { return nil }
func (*Prove) appendBody(dst []byte) ([]byte, error) { return crdt.AppendArray(dst, 0), nil }
func (*Prove) parseBody([]byte) error                { return nil } // there is one body, which Parse compares

// A Proof answers Prove: the entries that admit the dialer.
type Proof struct {
	Entries []Entry // 1 to MaxProofEntries, MaxProofBytes in all
}

// An Entry is an entry with its place, for who does not hold its log.
type Entry struct {
	Place crdt.Place
	Raw   []byte    // as encoded
	Seal  crdt.Seal // zero: the seal of a later entry covers it
}

type proofBody struct {
	_       struct{} `cbor:",toarray"`
	Entries []entryBody
}

type entryBody struct {
	_    struct{} `cbor:",toarray"`
	Log  crdt.LogID
	Seq  uint64
	Prev crdt.EntryID
	Raw  []byte
	Seal crdt.Seal
}

func (*Proof) Kind() Kind { return KindProof }

func (f *Proof) check() error {
	if len(f.Entries) == 0 {
		return errNoEntry
	}
	if err := tooLarge("list of entries in a proof", len(f.Entries), MaxProofEntries, "entries"); err != nil {
		return err
	}
	for _, e := range f.Entries {
		if err := checkEntry(e.Raw); err != nil {
			return err
		}
	}
	return nil
}

func (f *Proof) appendBody(dst []byte) ([]byte, error) {
	body := proofBody{Entries: make([]entryBody, len(f.Entries))}
	for i, e := range f.Entries {
		body.Entries[i] = entryBody{Log: e.Place.Log, Seq: e.Place.Seq, Prev: e.Place.Prev, Raw: e.Raw, Seal: e.Seal}
	}
	return appendCBOR(dst, &body)
}

func (f *Proof) parseBody(b []byte) error {
	var body proofBody
	if err := unmarshal(b, &body); err != nil {
		return err
	}
	f.Entries = make([]Entry, len(body.Entries))
	for i, e := range body.Entries {
		f.Entries[i] = Entry{Place: crdt.Place{Log: e.Log, Seq: e.Seq, Prev: e.Prev}, Raw: e.Raw, Seal: e.Seal}
	}
	return nil
}

// checkEntry checks the size of an encoded entry.
func checkEntry(raw []byte) error {
	if len(raw) == 0 {
		return errEmptyEntry
	}
	return tooLarge("entry", len(raw), crdt.MaxEntryBytes, "bytes")
}
