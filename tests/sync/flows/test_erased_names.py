from dataclasses import replace

from sqlalchemy import select

from models import uploaded_documents
from models.schema.tables import UploadedDocumentRow
from sync.records import VoucherDocuments
from tests import factories
from tests.sync.conftest import SyncHarness
from tests.sync.flows.supplier_vouchers import PDF, PNG, cost, enter_and_sync, sync_voucher


def test_a_document_beside_one_with_an_erased_name_gets_another_name(harness: SyncHarness) -> None:
    harness.change_settings(entity_types=["expense"], expense_accounts="4300")
    harness.moment.put(factories.project("8", number="1", customer_id=""))
    harness.erp.contents |= {"1": b"%PDF", "2": b"PNG"}
    harness.erp.stamps[55] = VoucherDocuments((PDF,))
    enter_and_sync(harness, cost(125000))
    with harness.database.transaction() as session:
        for row in session.scalars(select(UploadedDocumentRow)):
            row.name = uploaded_documents.erased_name(row.name)
    harness.erp.stamps[55] = VoucherDocuments((PDF, replace(PNG, type="pdf")))
    sync_voucher(harness)
    (there,) = harness.moment.documents.values()
    assert there == {"Byggmaker Øst AS F-77.pdf": b"%PDF", "Byggmaker Øst AS F-77 (2).pdf": b"PNG"}
