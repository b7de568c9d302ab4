package clinic

import (
	"musafir/crdt"
)

// drugs takes in the catalogue, with what there is of each drug.
func (r *fileReader) drugs(o object) {
	for _, n := range o.list("drugs") {
		d := r.object(n, "a drug", "key", "id", "generic_name", "brand_name", "form", "route", "dosage_quantity", "dosage_units", "barcode",
			"manufacturer", "sale_price", "sale_currency", "min_stock_level", "max_stock_level", "is_controlled", "requires_refrigeration", "is_active", "notes", "stock")
		r.drug(d)
	}
}

func (r *fileReader) drug(d object) {
	generic, form, route := d.needed("generic_name"), d.needed("form"), d.needed("route")
	quantity, units := d.needed("dosage_quantity"), d.needed("dosage_units")
	brand, _ := d.text("brand_name")
	id := d.id("drug_catalogue", d.key(generic), brand, form, route, quantity, units)
	if key, ok := d.text("key"); ok {
		id = d.id("drug_catalogue", key)
	}
	w := d.row("drug_catalogue", id, generic+" "+quantity+" "+units)
	d.texts(&w, "generic_name", "form", "route", "dosage_quantity", "dosage_units")
	d.texts(&w, "brand_name", "barcode", "manufacturer", "sale_currency", "notes")
	price, said := d.text("sale_price")
	if !said {
		price = "0"
	}
	w.set("sale_price", crdt.Text(price), said)
	d.numbers(&w, "min_stock_level", "max_stock_level")
	d.flags(&w, false, "is_controlled", "requires_refrigeration")
	d.flags(&w, true, "is_active")
	r.want(w)
	for _, n := range d.list("stock") {
		r.stock(n, id, w.Name)
	}
}

// stock takes in a batch of a drug. How much there is of it is written once: from then
// on it is what was dispensed that changes it, and the file no longer knows.
func (r *fileReader) stock(n node, drug, name string) {
	s := r.object(n, "a batch in stock", "clinic", "batch", "expires", "quantity")
	batch, where := s.needed("batch"), s.needed("clinic")
	clinic, err := ClinicNamed(r.known, where)
	if err != nil && where != "" {
		at, _ := s.get("clinic")
		r.fail(at.line, "%v", err)
	}
	w := s.row("clinic_inventory", idOf(r.known.Camp, "clinic_inventory", clinic, drug, batch), name+", batch "+batch)
	w.set("clinic_id", crdt.Text(clinic), true)
	w.set("drug_id", crdt.Text(drug), true)
	w.set("batch_id", crdt.Text(idOf(r.known.Camp, "drug_batches", drug, batch)), true)
	w.set("batch_number", crdt.Text(batch), true)
	expires, ok := s.day("expires")
	if !ok {
		r.fail(n.line, "a batch in stock needs \"expires\"")
	}
	w.set("batch_expiry_date", expires, true)
	quantity, ok := s.number("quantity")
	if !ok {
		r.fail(n.line, "a batch in stock needs \"quantity\"")
	}
	w.set("quantity_available", quantity, false)
	w.set("reserved_quantity", crdt.Int(0), false)
	w.set("last_counted_at", crdt.Null, false)
	r.want(w)
}
