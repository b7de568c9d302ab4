package crdt

import "fmt"

// EachTouched visits the keys of the records that an encoded entry changes, and reads
// no more of it, until visit returns false or an error. Changes of other kinds are
// passed over. The entry must have been parsed once.
func EachTouched(entry []byte, visit func(RecordKey) (bool, error)) (more bool, err error) {
	if len(entry) == 0 || entry[0] != EntryVersion {
		return false, fmt.Errorf("read entry: %w", ErrNewerVersion)
	}
	r := reader{b: entry, off: 1}
	r.want(majorArray)
	for range 4 { // time, dependencies, author, phone
		r.pass(1)
	}
	var key RecordKey
	for left := r.count("list of changes", MaxChanges); left > 0 && r.err == nil; left-- {
		if !r.touched(&key) {
			continue
		}
		if more, err := visit(key); err != nil || !more {
			return false, err
		}
	}
	if r.err != nil {
		return false, fmt.Errorf("read entry: %w", r.err)
	}
	return true, nil
}

// touched reads over one change, and tells whether it is one to a record, and which.
func (r *reader) touched(key *RecordKey) bool {
	left := r.want(majorArray)
	if left == 0 {
		r.fail(errType)
		return false
	}
	if r.uint() != KindRecord {
		r.pass(left - 1)
		return false
	}
	fields := r.want(majorArray)
	collection, id := r.text(), r.text()
	if fields < 2 || left < 2 {
		r.fail(errType)
	}
	r.pass(fields - 2)
	r.pass(left - 2)
	if r.err != nil {
		return false
	}
	if string(collection) != key.Collection { // mostly it is that of the change before
		key.Collection = string(collection)
	}
	key.ID = string(id)
	return true
}

// pass goes over so many items that were checked before.
func (r *reader) pass(items uint64) {
	for ; items > 0 && r.err == nil; items-- {
		major, _, arg := r.head()
		switch major {
		case majorBytes, majorText:
			r.take(arg)
		case majorArray, majorMap:
			if arg > uint64(len(r.b)) {
				r.fail(errTruncated)
				return
			}
			if major == majorMap {
				arg *= 2
			}
			items += arg
		}
	}
}
