package store

import "musafir/crdt"

// The parts of the state root are stored by the page: fewer keys for a bulk of
// records, which touches most of them, and little more for a single one.
const (
	pageBuckets = 16
	pageBytes   = pageBuckets * crdt.HashSize
)

type bucketSums = [crdt.RootBuckets]crdt.Sum

func pageKey(page int) []byte { return []byte{keyBucket, byte(page)} }

// appendPage adds the sums of a page to b.
func appendPage(b []byte, sums []crdt.Sum) []byte {
	for _, s := range sums {
		h := s.Bytes()
		b = append(b, h[:]...)
	}
	return b
}

// readPage puts a stored page into its place.
func readPage(key, value []byte, into *bucketSums) error {
	if len(key) != 2 || len(value) != pageBytes {
		return errKey
	}
	at := int(key[1]) * pageBuckets
	for i := range pageBuckets {
		into[at+i] = crdt.SumOf([crdt.HashSize]byte(value[i*crdt.HashSize:]))
	}
	return nil
}

// A bucketDiff is by how much some parts of the root change.
type bucketDiff map[int]crdt.Sum

func (d bucketDiff) add(bucket int, diff crdt.Sum) {
	sum := d[bucket]
	sum.Add(diff)
	d[bucket] = sum
}

// pages are those that the differences touch.
func (d bucketDiff) pages() map[int]bool {
	touched := map[int]bool{}
	for n := range d {
		touched[n/pageBuckets] = true
	}
	return touched
}

// puts are the touched pages as they will be: the present sums, what went before
// in the same batch, and the differences.
func (d bucketDiff) puts(now *bucketSums, before bucketDiff) []put {
	var puts []put
	for page := range d.pages() {
		var sums [pageBuckets]crdt.Sum
		for i := range sums {
			n := page*pageBuckets + i
			sums[i] = now[n]
			sums[i].Add(before[n])
			sums[i].Add(d[n])
		}
		puts = append(puts, put{key: pageKey(page), value: appendPage(make([]byte, 0, pageBytes), sums[:])})
	}
	return puts
}
