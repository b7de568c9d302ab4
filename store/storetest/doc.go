// Package storetest is one suite that every engine of the store passes, and what
// its tests need beside: authors of entries, a model in plain maps, and random
// histories.
package storetest
