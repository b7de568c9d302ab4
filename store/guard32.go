//go:build 386 || arm || mips || mipsle

package store

// This line does not compile, on purpose. On 32-bit platforms Badger's table builder (the allocator in its ristretto
// dependency) shifts an int by 32 bits: every table that needs more than one buffer is written damaged, and nothing reports
// an error until the records cannot be read back. A build that fails is better than a clinic that loses its records.
var _ int = "musafir does not support 32-bit platforms: Badger silently destroys data there"
